//! What must not change an answer: the order of a table's lines, how its file is packed and cut, which addresses of the same
//! kind its machines have, twice as much of everything, a little more of other traffic.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use conntriage::model::address_kind::AddressKind;
use regex::Regex;

use crate::answer::answers;
use crate::case::Case;
use crate::draw::{Draw, part, place, port};
use crate::flow::{ESP, Flow, GRE, IGMP, Way};
use crate::limiter::Dice;
use crate::noise;
use crate::possible;
use crate::run;
use crate::scene::Scene;
use crate::write;

/// Seeds that every case is changed under: small tables.
pub(crate) const SEEDS: [u64; 2] = [1, 2];
/// Of all entries, so many of other traffic come in addition.
const MORE_NOISE: f64 = 0.05;
/// Flows that share both of their ports with as many others are not made different by ports.
const SAME_PORTS_MIN: usize = 50;

/// Cases whose answer still changes when everything is there twice, one a line.
const NOT_YET_DOUBLED: &str = include_str!("not-yet-doubled.txt");

/// A change that must not change the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Shuffled,
    CutAndPacked,
    Renamed,
    Doubled,
    MoreNoise,
}

const CHANGES: [Change; 5] =
    [Change::Shuffled, Change::CutAndPacked, Change::Renamed, Change::Doubled, Change::MoreNoise];

impl Change {
    fn words(self) -> &'static str {
        match self {
            Self::Shuffled => "with its lines shuffled",
            Self::CutAndPacked => "with its table packed in two members, cut anywhere",
            Self::Renamed => "with other addresses of the same kinds",
            Self::Doubled => "with everything twice",
            Self::MoreNoise => "with a twentieth more of other traffic",
        }
    }

    /// None where the case does not allow it: its numbers are what it is about, or stand in files of their own.
    fn apply(self, scene: &mut Scene) -> Option<()> {
        // What is drawn afterwards (which files are there) stays as it was.
        let dice = scene.dice.clone();
        match self {
            Self::Shuffled => scene.mix(),
            Self::CutAndPacked => {}
            Self::Renamed => rename(scene),
            Self::Doubled if may_grow(scene) && !scene.files.contains_key("ss") => double(scene),
            Self::MoreNoise if may_grow(scene) => more(scene),
            Self::Doubled | Self::MoreNoise => return None,
        }
        scene.dice = dice;
        (!scene.flows.is_empty()).then_some(())
    }
}

/// What is wrong, of the cases that something is demanded of.
pub(crate) fn judge(cases: &[Case], demanded: impl Fn(&Case) -> bool + Sync) -> Vec<String> {
    let jobs = cases.len() * SEEDS.len();
    let found = run::each(jobs, |number| {
        let (case, seed) = (&cases[number / SEEDS.len()], SEEDS[number % SEEDS.len()]);
        if demanded(case) { changed(case, seed) } else { (Vec::new(), 0) }
    });
    let held: usize = found.iter().map(|(_, held)| held).sum();
    println!("\nchanges that must not change an answer: {held} made");
    found.into_iter().flat_map(|(wrong, _)| wrong).collect()
}

/// A case under every change: what is wrong, and how many changes were made.
fn changed(case: &Case, seed: u64) -> (Vec<String>, usize) {
    let answer = |scene: &mut Scene, change: Option<Change>| {
        let directory = tempfile::tempdir().unwrap();
        write::bundle(scene, directory.path());
        if change == Some(Change::CutAndPacked) {
            pack(directory.path(), seed);
        }
        answers(&run::analyze(directory.path())).first().copied().unwrap_or("-")
    };
    let before = answer(&mut (case.make)(case.name, seed), None);
    let (mut wrong, mut held) = (Vec::new(), 0);
    for change in CHANGES {
        let mut scene = (case.make)(case.name, seed);
        if change.apply(&mut scene).is_none() {
            continue;
        }
        held += 1;
        if let Some(why) = possible::wrong(&scene) {
            wrong.push(format!("{} (seed {seed}) {}: {why}", case.name, change.words()));
        }
        let after = answer(&mut scene, Some(change));
        if after != before
            && change == Change::Doubled
            && NOT_YET_DOUBLED.lines().any(|name| name == case.name)
        {
            println!("{} (seed {seed}) {}: {after} instead of {before} (not yet)", case.name, change.words());
        } else if after != before {
            wrong.push(format!(
                "{} (seed {seed}) {}: {after} instead of {before}",
                case.name,
                change.words()
            ));
        }
    }
    (wrong, held)
}

// --- packed ----------------------------------------------------------------------------------------------------------

/// Replaces every table below a directory by a gzip file of two members.
fn pack(directory: &Path, seed: u64) {
    for path in tables(directory) {
        let text = std::fs::read(&path).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut dice = Dice(seed);
        let (front, back) = text.split_at(place(dice.whole((0, text.len() as u64))));
        let mut packed = Vec::new();
        for half in [front, back] {
            let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
            encoder.write_all(half).unwrap();
            encoder.finish().unwrap();
        }
        let into = PathBuf::from(format!("{}.gz", path.display()));
        std::fs::write(&into, packed).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::File::options().write(true).open(&into).unwrap().set_modified(modified).unwrap();
    }
}

fn tables(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tables(&path));
        } else if ["nf_conntrack", "ip_conntrack", "conntrack-L"].iter().any(|name| path.ends_with(name)) {
            found.push(path);
        }
    }
    found
}

// --- renamed ---------------------------------------------------------------------------------------------------------

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b").unwrap());

/// Networks with a meaning of their own: Docker's bridge, the services of Kubernetes; and 192.168, the only /16 of its
/// range.
const MEANT: [Ipv4Addr; 3] =
    [Ipv4Addr::new(172, 17, 0, 0), Ipv4Addr::new(10, 96, 0, 0), Ipv4Addr::new(192, 168, 0, 0)];

/// Gives every network of a kind another one of the same kind; hosts keep their number in it.
fn rename(scene: &mut Scene) {
    let mut names =
        Names { dice: Dice(scene.seed ^ 0xba5e_ba11), networks: BTreeMap::new(), taken: HashSet::new() };
    let text = |text: &str, names: &mut Names| {
        let renamed = ADDRESS.replace_all(text, |found: &regex::Captures<'_>| {
            found[0].parse().map_or_else(|_| found[0].to_owned(), |address| names.of(address).to_string())
        });
        renamed.into_owned()
    };
    let mut machines: Vec<&mut Scene> = vec![scene];
    while let Some(machine) = machines.pop() {
        for flow in &mut machine.flows {
            for way in [&mut flow.original, &mut flow.reply] {
                (way.source, way.target) = (names.of(way.source), names.of(way.target));
            }
        }
        for (_, address, _) in &mut machine.local {
            *address = names.of(*address);
        }
        for line in &mut machine.lines {
            line.text = text(&line.text, &mut names);
        }
        let moments = machine.moments.iter_mut().flat_map(|moment| moment.files.values_mut());
        for file in machine.files.values_mut().chain(machine.beside.values_mut()).chain(moments) {
            *file = text(file, &mut names);
        }
        machines.extend(&mut machine.others);
    }
}

struct Names {
    dice: Dice,
    networks: BTreeMap<IpAddr, IpAddr>,
    taken: HashSet<IpAddr>,
}

impl Names {
    fn of(&mut self, address: IpAddr) -> IpAddr {
        let kind = AddressKind::of(address);
        if !matches!(kind, AddressKind::Private | AddressKind::Public) {
            return address;
        }
        // Networks that lie side by side stay so: of public ones the /16 is renamed, of private ones the /16 within its range.
        let (network, host) = halves(address);
        if MEANT.iter().any(|meant| network == IpAddr::V4(*meant)) {
            return address;
        }
        let renamed = match self.networks.get(&network) {
            Some(renamed) => *renamed,
            None => self.choose(network, kind),
        };
        join(renamed, host)
    }

    fn choose(&mut self, network: IpAddr, kind: AddressKind) -> IpAddr {
        let v4 = network.is_ipv4();
        for _ in 0..10_000 {
            let candidate = match (kind, v4) {
                (AddressKind::Public, true) => halves(self.dice.public_v4()).0,
                (AddressKind::Public, false) => halves(self.dice.public_v6()).0,
                (_, true) => {
                    let second = u8::try_from(self.dice.whole((0, 255))).unwrap();
                    IpAddr::V4(Ipv4Addr::new(10, second, 0, 0))
                }
                (_, false) => halves(self.dice.private_v6().0).0,
            };
            let meant = MEANT.iter().any(|meant| candidate == IpAddr::V4(*meant));
            if !meant && self.taken.insert(candidate) {
                self.networks.insert(network, candidate);
                return candidate;
            }
        }
        // A table whose public sources lie in nearly all networks that there are: it keeps the rest of them.
        self.networks.insert(network, network);
        network
    }
}

/// Network (/16, /64) and the rest.
fn halves(address: IpAddr) -> (IpAddr, u128) {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            (IpAddr::V4(Ipv4Addr::from_bits(bits & 0xffff_0000)), u128::from(bits & 0xffff))
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            (IpAddr::V6(Ipv6Addr::from_bits(bits >> 64 << 64)), bits & u128::from(u64::MAX))
        }
    }
}

fn join(network: IpAddr, host: u128) -> IpAddr {
    match network {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() | u32::try_from(host).unwrap())),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() | host)),
    }
}

// --- more of it ------------------------------------------------------------------------------------------------------

/// What a log counts of the table's entries.
static COMMITTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"Committed ([0-9]+) new entries").unwrap());

/// No file of the case's own holds numbers that would have to grow with the table.
fn may_grow(scene: &Scene) -> bool {
    let numbers = ["conntrack-C", "sysctl", "slabinfo", "nproc", "meminfo", "conntrack-L-dying"];
    let told = |name: &String| numbers.contains(&name.as_str()) || name.starts_with("sysctl.d/");
    // The default of a small memory, and the ports of one address, cannot be had twice.
    let fixed = scene.memory_mebibytes.is_some_and(|memory| scene.max == scene.kernel.default_max(memory));
    let full_of_ports = scene.flows.len() > 25_000;
    !scene.files.keys().any(told)
        && scene.moments.is_empty()
        && !fixed
        && !full_of_ports
        && scene.others.is_empty()
}

fn double(scene: &mut Scene) {
    let varying = Varying::of(scene);
    // The same flow in two zones stays the same flow in two zones.
    let mut twins: HashMap<Way, Way> = HashMap::new();
    for flow in scene.flows.clone() {
        for _ in 0..200 {
            let dice = &mut scene.dice;
            let twin = *twins.entry(flow.original).or_insert_with(|| twin(dice, &flow, &varying));
            if scene.add(moved(&flow, twin)) {
                break;
            }
            twins.remove(&flow.original);
        }
    }
    scene.max *= 2;
    scene.buckets = scene.buckets.map(|buckets| buckets * 2);
    scene.count = scene.count.map(|count| count * 2);
    for stat in [Some(&mut scene.stat), scene.stat_before.as_mut()].into_iter().flatten() {
        stat.found *= 2;
        stat.invalid *= 2;
        stat.insert *= 2;
        stat.insert_failed *= 2;
        stat.drop *= 2;
        stat.early_drop *= 2;
        stat.chain_too_long *= 2;
    }
    for line in &mut scene.lines {
        line.text = COMMITTED
            .replace(&line.text, |found: &regex::Captures<'_>| {
                format!("Committed {} new entries", found[1].parse::<u64>().unwrap() * 2)
            })
            .into_owned();
    }
    if let Some(sockets) = &mut scene.sockets {
        (sockets.inuse, sockets.time_wait) = (sockets.inuse * 2, sockets.time_wait * 2);
    }
}

/// What makes the flows of a table different.
struct Varying {
    sports: HashMap<u16, usize>,
    dports: HashMap<u16, usize>,
    /// Of the flows that ports do not make different, there are more targets than sources.
    targets_vary: bool,
}

impl Varying {
    fn of(scene: &Scene) -> Self {
        let (mut sports, mut dports) = (HashMap::new(), HashMap::new());
        for flow in &scene.flows {
            *sports.entry(flow.original.sport).or_default() += 1;
            *dports.entry(flow.original.dport).or_default() += 1;
        }
        let mut varying = Self { sports, dports, targets_vary: false };
        let alike = || scene.flows.iter().map(|flow| flow.original).filter(|way| varying.by_address(*way));
        let targets: HashSet<IpAddr> = alike().map(|way| way.target).collect();
        let sources: HashSet<IpAddr> = alike().map(|way| way.source).collect();
        varying.targets_vary = targets.len() > sources.len();
        varying
    }

    /// So many flows have its source port, and its destination port.
    fn counts(&self, way: Way) -> (usize, usize) {
        let of = |ports: &HashMap<u16, usize>, port| ports.get(&port).copied().unwrap_or(0);
        (of(&self.sports, way.sport), of(&self.dports, way.dport))
    }

    /// Both of its ports are those of many: a scanner's with one port of its own, a question between two servers.
    fn by_address(&self, way: Way) -> bool {
        let (sports, dports) = self.counts(way);
        sports.min(dports) >= SAME_PORTS_MIN
    }
}

/// Another flow of the same kind between the same machines: the port that fewer flows have is the one that was chosen
/// anew. Or, where only addresses make flows different, another one.
fn twin(dice: &mut Dice, flow: &Flow, varying: &Varying) -> Way {
    let other = |dice: &mut Dice, port_now: u16| {
        let low = if port_now < 1_024 { 600 } else { 1_024 };
        port(dice.whole((low, if low == 600 { 1_023 } else { 65_535 })))
    };
    let mut way = flow.original;
    let without_ports = [GRE, ESP, IGMP].contains(&flow.l4);
    let (sports, dports) = varying.counts(way);
    if without_ports || varying.by_address(way) && !varying.targets_vary {
        way.source = another(dice, way.source);
    } else if varying.by_address(way) {
        way.target = another(dice, way.target);
    } else if sports <= dports {
        way.sport = other(dice, way.sport);
        // An echo request has one id in both places.
        if flow.original.sport == flow.original.dport {
            way.dport = way.sport;
        }
    } else {
        way.dport = other(dice, way.dport);
    }
    way
}

/// Another address: of the same network where it is a private one, else of the internet.
fn another(dice: &mut Dice, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(v4) if AddressKind::of(like) == AddressKind::Private => {
            let host = u32::try_from(dice.whole((1, 0xfffe))).unwrap();
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & 0xffff_0000 | host))
        }
        _ => noise::stranger(dice, like),
    }
}

fn moved(flow: &Flow, to: Way) -> Flow {
    let mut moved = flow.clone();
    let from = flow.original;
    moved.original = to;
    if moved.reply.target == from.source {
        moved.reply.target = to.source;
    }
    if moved.reply.source == from.target {
        moved.reply.source = to.target;
    }
    if moved.reply.dport == from.sport {
        moved.reply.dport = to.sport;
    }
    if moved.reply.sport == from.dport {
        moved.reply.sport = to.dport;
    }
    moved
}

fn more(scene: &mut Scene) {
    let Some((_, own, _)) = scene.local.first().cloned() else { return };
    let entries = scene.flows.len() as u64;
    noise::of_host(scene, own, part(entries, MORE_NOISE));
    let grown = scene.flows.len() as f64 / (entries.max(1) as f64);
    scene.max = part(scene.max, grown);
    scene.buckets = scene.buckets.map(|buckets| part(buckets, grown));
    scene.count = scene.count.map(|count| count + i64::try_from(scene.flows.len() as u64 - entries).unwrap());
}
