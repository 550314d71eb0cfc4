//! The laws of the policy, held against machines on which anything happens at any time: tables fill and empty, packets
//! are refused or clash, sources tell the truth, lies, late or twice, the wall clock steps, the watcher is killed, the
//! machine is booted anew.

mod steering;

use std::collections::BTreeMap;

use conntriage::model::live::clock::Now;
use conntriage::model::live::event::{Captured, Ending, Event};
use conntriage::model::live::intent::{About, Depth, IncidentNo, Intent, Trigger};
use conntriage::model::live::life::{
    CAPTURES_MAX, LIVES_MAX, Phase, SUPPRESSED_MAX, SUSPICIONS_MAX, TABLES_MAX,
};
use conntriage::model::live::policy::{Enter, FollowUp, Policy};
use conntriage::model::record::Trust;
use conntriage::model::report::Role;
use conntriage::model::signal::{NamespaceWord, Table};
use conntriage::model::time::{BootId, WallTime};
use conntriage::steer::{DUMPS_AN_HOUR, REFILL_US, Steer};
use proptest::prelude::*;
use steering::{H, MAX, MIN, S, Sight, World, lines};

/// Something that happens. Namespaces are taken modulo how many there are.
#[derive(Debug, Clone)]
enum Act {
    /// Time passes, in milliseconds, with a tick at its end.
    Wait(i64),
    /// Time passes with a poll of all once a second.
    Live(i64),
    Poll(usize),
    Fill(usize, u64),
    Refuse(usize, u64),
    Clash(usize, u64),
    Sight(usize, Sight),
    Recycle(usize),
    /// Trust, namespace, does the kernel name namespaces, age in seconds.
    Lines(Trust, usize, bool, Option<i64>),
    Expectation(Trust),
    Answer,
    End(Ending),
    Manner {
        answers: bool,
        captures: bool,
    },
    StepWall(i64),
    Restart,
    Reboot(i64),
}

fn trust() -> impl Strategy<Value = Trust> {
    prop_oneof![Just(Trust::Kernel), Just(Trust::Unverified), Just(Trust::AsRecorded)]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => Just(Ending::Kept),
        1 => Just(Ending::Failed),
        1 => Just(Ending::Interrupted),
        1 => Just(Ending::Gone),
    ]
}

fn sight() -> impl Strategy<Value = Sight> {
    prop_oneof![3 => Just(Sight::All), 1 => Just(Sight::NoClashes), 1 => Just(Sight::Nothing)]
}

/// What may happen in one boot of one watcher.
fn calm_act() -> BoxedStrategy<Act> {
    prop_oneof![
        3 => (0..2_000_i64).prop_map(Act::Wait),
        2 => (0..1_200_000_i64).prop_map(Act::Wait),
        1 => (0..8 * 3_600_000_i64).prop_map(Act::Wait),
        4 => (1..40_i64).prop_map(Act::Live),
        2 => (0..4_usize).prop_map(Act::Poll),
        3 => (0..4_usize, prop_oneof![Just(0), Just(85_000), Just(91_000), Just(MAX)])
            .prop_map(|(ns, count)| Act::Fill(ns, count)),
        3 => (0..4_usize, 1..100_u64).prop_map(|(ns, n)| Act::Refuse(ns, n)),
        1 => (0..4_usize, 1..100_u64).prop_map(|(ns, n)| Act::Clash(ns, n)),
        1 => (0..4_usize, sight()).prop_map(|(ns, sight)| Act::Sight(ns, sight)),
        1 => (0..4_usize).prop_map(Act::Recycle),
        5 => (trust(), 0..6_usize, any::<bool>(), proptest::option::of(0..7_200_i64))
            .prop_map(|(trust, ns, names, age)| Act::Lines(trust, ns, names, age)),
        1 => trust().prop_map(Act::Expectation),
        2 => Just(Act::Answer),
        2 => ending().prop_map(Act::End),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(answers, captures)| Act::Manner { answers, captures }),
    ]
    .boxed()
}

fn any_act() -> BoxedStrategy<Act> {
    prop_oneof![
        20 => calm_act(),
        2 => prop_oneof![-100 * H..100 * H, -10 * S..10 * S].prop_map(Act::StepWall),
        3 => Just(Act::Restart),
        1 => (-10 * H..100 * H).prop_map(Act::Reboot),
    ]
    .boxed()
}

fn policy() -> impl Strategy<Value = Policy> {
    let follow_ups = prop_oneof![
        3 => Just(Policy::default().follow_ups),
        1 => Just(Vec::new()),
        1 => Just(vec![FollowUp::End, FollowUp::After(0), FollowUp::After(H)]),
    ];
    let times = (1..1_200_i64, 0..3_600_i64);
    let mails = (0..8_u32, 0..12_u32, 0..60_u32);
    (times, follow_ups, any::<bool>(), mails, 1..5_u32).prop_map(
        |((quiet, cooldown), follow_ups, enters, (one, burst, day), polls)| Policy {
            quiet_us: quiet * S,
            cooldown_us: cooldown * S,
            follow_ups,
            enter: if enters { Enter::NamedInLine } else { Enter::Never },
            per_incident_per_day: one,
            burst,
            per_day: day,
            near_full_polls: polls,
            ..Policy::default()
        },
    )
}

fn machine(policy: Policy) -> World {
    machine_at(policy, Now { uptime_us: 10 * H, wall: WallTime(1_800_000_000 * S) })
}

fn machine_at(policy: Policy, now: Now) -> World {
    let mut world = World::at(policy, now);
    for born in [None, None, Some(now.uptime_us - MIN)] {
        world.add(born);
    }
    world
}

fn act(world: &mut World, act: &Act) {
    let many = world.spaces.len();
    match act {
        Act::Wait(ms) => {
            world.wait(ms * 1_000);
            world.step(Event::Tick);
        }
        Act::Live(seconds) => {
            world.live(seconds * S);
        }
        Act::Poll(ns) => {
            world.poll(ns % many);
        }
        Act::Fill(ns, count) => world.spaces[ns % many].count = *count,
        Act::Refuse(ns, n) => world.spaces[ns % many].drop += n,
        Act::Clash(ns, n) => world.spaces[ns % many].clash += n,
        Act::Sight(ns, sight) => world.spaces[ns % many].counters = *sight,
        Act::Recycle(ns) => {
            let now_us = world.now.uptime_us;
            let space = &mut world.spaces[1 + ns % (many - 1)];
            (space.count, space.drop, space.clash) = (0, 0, 0);
            space.netns.born_us = Some(now_us);
        }
        Act::Lines(trust, ns, names, age) => {
            let wording = match ns {
                0 => NamespaceWord::Unnamed,
                4 => NamespaceWord::Inode(5),
                5 => NamespaceWord::Container("101".into()),
                ns => NamespaceWord::Inode(world.spaces[ns % many].netns.inode),
            };
            let mut told = lines(*trust, wording);
            told.names_namespaces = *names;
            told.last_us = age.map(|age| world.now.uptime_us - age * S);
            world.hear(told);
        }
        Act::Expectation(trust) => {
            let mut told = lines(*trust, NamespaceWord::Unnamed);
            told.subject.table = Table::Expectation;
            world.hear(told);
        }
        Act::Answer => {
            let checks = std::mem::take(&mut world.checks);
            for (check, whom) in checks {
                let answer = world.answer(check, &whom);
                world.step(answer);
            }
        }
        Act::End(ending) => {
            if !world.orders.is_empty() {
                let capture = world.orders.remove(0).capture;
                world.step(Event::Captured(Captured { capture, ending: *ending }));
            }
        }
        Act::Manner { answers, captures } => {
            (world.answers, world.captures) = (*answers, *captures);
        }
        Act::StepWall(us) => world.now.wall.0 += us,
        Act::Restart => world.restart(),
        Act::Reboot(us) => world.reboot(*us),
    }
}

fn run(world: &mut World, acts: &[Act]) {
    for a in acts {
        act(world, a);
        bounded(world);
    }
}

fn bounded(world: &World) {
    let memory = world.memory();
    assert!(memory.lives.len() <= LIVES_MAX);
    assert!(memory.captures.len() <= CAPTURES_MAX);
    assert!(memory.tables.len() <= TABLES_MAX);
    assert!(memory.suspicions.len() <= SUSPICIONS_MAX);
    assert!(memory.disbeliefs.len() <= SUSPICIONS_MAX);
    assert!(memory.suppressed.listed.len() <= SUPPRESSED_MAX);
    assert!(memory.dumps_us.len() <= DUMPS_AN_HOUR);
    let full = memory.running().filter(|running| running.depth == Depth::Full).count();
    assert!(full <= 1, "one dump at a time");
}

/// Everything becomes empty and nothing more is said: until all is over.
fn calm_down(world: &mut World) {
    world.answers = true;
    world.captures = true;
    for ns in &mut world.spaces {
        ns.count = 0;
    }
    let quiet = world.policy.quiet_us;
    // A sample whose drops rose since the last one is a last sign.
    world.poll_all();
    let mut left = quiet + 10 * MIN;
    while left > 0 {
        world.wait(20 * S);
        world.poll_all();
        world.step(Event::Tick);
        left -= 20 * S;
    }
}

/// Held in each log, whatever happened.
fn laws_of_the_log(world: &World) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<IncidentNo, bool> = BTreeMap::new();
    let mut numbers = std::collections::BTreeSet::new();
    for (_, intent) in &world.log {
        match intent {
            Intent::Open(opening) => {
                prop_assert!(open.insert(opening.incident, true).is_none(), "opened once");
            }
            Intent::Reopen { incident, .. } => {
                prop_assert_eq!(open.insert(*incident, true), Some(false), "only a closed one opens again");
            }
            Intent::Close(closing) => {
                prop_assert_eq!(open.insert(closing.incident, false), Some(true), "closed once");
            }
            Intent::Turn { incident, .. } | Intent::Keep { incident, .. } => {
                prop_assert_eq!(open.get(incident), Some(&true), "of an open one");
            }
            Intent::Capture(order) => {
                prop_assert!(numbers.insert(order.capture), "ordered once");
                prop_assert_eq!(order.incident.is_none(), order.role == Role::Before);
                if let Some(incident) = order.incident {
                    prop_assert_eq!(open.get(&incident), Some(&true), "no look at what is over");
                }
            }
            _ => {}
        }
    }
    for life in &world.memory().lives {
        prop_assert_eq!(open.get(&life.incident), Some(&(life.phase != Phase::Closed)));
    }
    Ok(())
}

fn budgets(world: &World) -> Result<(), TestCaseError> {
    let dumps: Vec<i64> = world.dumps().iter().map(|(at, _)| at.uptime_us).collect();
    prop_assert!(at_most(&dumps, DUMPS_AN_HOUR, H), "dumps {dumps:?}");
    let mails = world.mails();
    let all: Vec<i64> = mails.iter().map(|(at, _)| at.uptime_us).collect();
    let burst = usize::try_from(world.policy.burst).unwrap();
    for (at, first) in all.iter().enumerate() {
        for (upto, last) in all.iter().enumerate().skip(at) {
            let refilled = usize::try_from((last - first) / REFILL_US).unwrap();
            prop_assert!(upto - at < burst + refilled, "mails {all:?}");
        }
    }
    prop_assert!(at_most(&all, usize::try_from(world.policy.per_day).unwrap(), 24 * H), "a day {all:?}");
    let mut of_one: BTreeMap<IncidentNo, Vec<i64>> = BTreeMap::new();
    for (at, notice) in &mails {
        if let Some(incident) = notice.about.incident() {
            of_one.entry(incident).or_default().push(at.uptime_us);
        }
    }
    let limit = usize::try_from(world.policy.per_incident_per_day).unwrap();
    for (incident, sent) in of_one {
        prop_assert!(at_most(&sent, limit, 24 * H), "{incident:?}: {sent:?}");
    }
    Ok(())
}

/// In any stretch of time shorter than `within` there are at most so many.
fn at_most(sorted: &[i64], many: usize, within: i64) -> bool {
    sorted.windows(many + 1).all(|of| of[many] - of[0] >= within)
}

/// Each opening and each end was told, or is listed as not told, exactly once; the rest is at least counted.
fn nothing_is_lost_or_told_twice(world: &World) -> Result<(), TestCaseError> {
    let mut told: BTreeMap<About, usize> = BTreeMap::new();
    let mut more = 0;
    let mails = world.mails();
    let pending = &world.memory().suppressed;
    let lists = mails.iter().map(|(_, notice)| &notice.suppressed).chain([pending]);
    for list in lists {
        more += list.more;
        for suppressed in &list.listed {
            *told.entry(suppressed.about).or_default() += 1;
        }
    }
    for (_, notice) in &mails {
        *told.entry(notice.about).or_default() += 1;
    }
    let mut wanted: BTreeMap<About, usize> = BTreeMap::new();
    for (_, intent) in &world.log {
        match intent {
            Intent::Open(opening) => *wanted.entry(About::Opened(opening.incident)).or_default() += 1,
            Intent::Close(closing) => *wanted.entry(About::Closed(closing.incident)).or_default() += 1,
            Intent::Reopen { incident, .. } => {
                *wanted.entry(About::Reopened(*incident)).or_default() += 1;
            }
            _ => {}
        }
    }
    let mut missing = 0;
    for (about, times) in &wanted {
        let told = told.get(about).copied().unwrap_or(0);
        prop_assert!(told <= *times, "{about:?} told {told} times, wanted {times}");
        missing += times - told;
    }
    prop_assert!(u64::try_from(missing).unwrap() <= more, "{missing} messages lost, {more} counted");
    let numbers: Vec<_> = mails.iter().map(|(_, notice)| notice.notice).collect();
    prop_assert!(numbers.windows(2).all(|two| two[0] < two[1]), "numbers are never used twice");
    Ok(())
}

/// An intent with its moments moved and its wall times forgotten.
fn moved(intent: &Intent, by: i64) -> Intent {
    let mut intent = intent.clone();
    let now = |now: &mut Now| *now = Now { uptime_us: now.uptime_us - by, wall: WallTime(0) };
    let place = |place: &mut conntriage::model::live::life::Place| {
        if let conntriage::model::live::life::Place::Netns { born_us: Some(born), .. } = place {
            // 0 stands for an earlier namespace of which only that is known.
            *born -= if *born == 0 { 0 } else { by };
        }
    };
    match &mut intent {
        Intent::Open(opening) => {
            now(&mut opening.start);
            place(&mut opening.key.place);
        }
        Intent::Close(closing) => now(&mut closing.end),
        Intent::Capture(order) => {
            order.not_younger_than_us -= by;
            place(&mut order.key.place);
        }
        Intent::Keep { samples, .. } => {
            for sample in samples {
                now(&mut sample.at);
                sample.netns.born_us.iter_mut().for_each(|born| *born -= by);
            }
        }
        Intent::Notify(notice) => notice.suppressed.listed.iter_mut().for_each(|s| now(&mut s.at)),
        Intent::Unconfirmed(unconfirmed) => {
            now(&mut unconfirmed.first);
            now(&mut unconfirmed.last);
        }
        Intent::Backlog(backlog) => {
            for stretch in &mut backlog.stretches {
                stretch.first_us -= by;
                stretch.last_us -= by;
            }
        }
        _ => {}
    }
    intent
}

fn moved_log(world: &World, by: i64) -> Vec<(i64, Intent)> {
    world.log.iter().map(|(at, intent)| (at.uptime_us - by, moved(intent, by))).collect()
}

fn acts(of: BoxedStrategy<Act>) -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(of, 1..120)
}

fn is_forged(act: &Act) -> bool {
    !matches!(
        act,
        Act::Lines(Trust::Kernel, ..)
            | Act::Expectation(Trust::Kernel)
            | Act::Refuse(..)
            | Act::Fill(_, 91_000.. | 85_000)
    )
}

fn has_no_counters(act: &Act) -> bool {
    !matches!(act, Act::Poll(_) | Act::Live(_) | Act::Answer | Act::Manner { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lives_and_looks_keep_their_order_and_all_is_bounded(policy in policy(), acts in acts(any_act())) {
        let mut world = machine(policy);
        run(&mut world, &acts);
        laws_of_the_log(&world)?;
        nothing_is_lost_or_told_twice(&world)?;
    }

    #[test]
    fn budgets_are_kept_whatever_happens_within_a_boot(
        policy in policy(),
        acts in acts(prop_oneof![10 => calm_act(), 1 => Just(Act::Restart), 1 => (-H..H).prop_map(Act::StepWall)].boxed()),
    ) {
        let mut world = machine(policy);
        run(&mut world, &acts);
        budgets(&world)?;
    }

    #[test]
    fn every_incident_ends_after_the_quiet_time(policy in policy(), acts in acts(any_act())) {
        let mut world = machine(policy);
        run(&mut world, &acts);
        calm_down(&mut world);
        laws_of_the_log(&world)?;
        prop_assert!(world.memory().lives.iter().all(|life| life.phase == Phase::Closed));
        prop_assert!(world.memory().suspicions.is_empty());
        prop_assert!(world.memory().captures.is_empty(), "{:?}", world.memory().captures);
    }

    #[test]
    fn none_ends_before_the_quiet_time(policy in policy(), acts in acts(calm_act())) {
        let mut world = machine(policy);
        run(&mut world, &acts);
        for (at, intent) in &world.log {
            if let Intent::Close(closing) = intent {
                prop_assert!(at.uptime_us - closing.end.uptime_us >= world.policy.quiet_us);
            }
        }
    }

    #[test]
    fn without_a_full_table_and_the_kernels_word_nothing_opens(policy in policy(), acts in acts(any_act())) {
        let mut world = machine(policy);
        for act_ in acts.iter().filter(|act| is_forged(act)) {
            // A clash that cannot be told apart from a refusal confirms a line; here all can be.
            if !matches!(act_, Act::Sight(_, Sight::NoClashes)) {
                act(&mut world, act_);
            }
        }
        prop_assert_eq!(world.opened() + world.mails().len() + world.dumps().len(), 0, "{:?}", world.log);
    }

    #[test]
    fn a_dump_has_a_line_of_the_kernels_or_counters_behind_it(policy in policy(), acts in acts(calm_act())) {
        let mut world = machine(policy);
        let (mut kernels, mut ever_full) = (false, false);
        for act_ in &acts {
            let was = world.log.len();
            kernels |= matches!(act_, Act::Lines(Trust::Kernel, ..) | Act::Expectation(Trust::Kernel));
            act(&mut world, act_);
            ever_full |= world.spaces.iter().any(|ns| ns.drop + ns.clash > 0 || ns.count >= MAX * 9 / 10);
            for (_, intent) in &world.log[was..] {
                match intent {
                    Intent::Open(opening) => {
                        let behind = if opening.trigger == Trigger::KernelLine { kernels } else { ever_full };
                        prop_assert!(behind && !opening.confirmed_by.is_empty(), "{opening:?}");
                    }
                    Intent::Capture(order) if order.incident.is_none() => prop_assert!(ever_full),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_restart_anywhere_changes_nothing_that_comes_after(
        policy in policy(),
        acts in acts(calm_act().prop_filter("no samples: these are not remembered", has_no_counters).boxed()),
    ) {
        let mut whole = machine(policy.clone());
        let mut torn = machine(policy);
        (whole.answers, torn.answers) = (false, false);
        (whole.captures, torn.captures) = (false, false);
        for act_ in &acts {
            act(&mut whole, act_);
            act(&mut torn, act_);
            let memory = torn.memory().clone();
            torn.steer = Steer::resume(memory, torn.policy.clone(), torn.boot, torn.now);
        }
        prop_assert_eq!(&whole.log, &torn.log);
        prop_assert_eq!(whole.memory(), torn.memory());
    }

    #[test]
    fn moved_in_time_the_same_happens_then(
        policy in policy(), acts in acts(calm_act()), uptime in 0..1_000 * H, wall in -H * 10_000..H * 10_000,
    ) {
        let mut here = machine(policy.clone());
        let there_from = Now { uptime_us: 10 * H + uptime, wall: WallTime(1_800_000_000 * S + wall) };
        let mut there = machine_at(policy, there_from);
        run(&mut here, &acts);
        run(&mut there, &acts);
        prop_assert_eq!(moved_log(&here, 0), moved_log(&there, uptime));
    }

    #[test]
    fn steps_of_the_wall_clock_change_nothing_but_what_it_shows(
        policy in policy(),
        acts in acts(prop_oneof![6 => calm_act(), 1 => (-100 * H..100 * H).prop_map(Act::StepWall)].boxed()),
    ) {
        let mut stepped = machine(policy.clone());
        let mut steady = machine(policy);
        run(&mut stepped, &acts);
        let still: Vec<Act> =
            acts.iter().filter(|act| !matches!(act, Act::StepWall(_))).cloned().collect();
        run(&mut steady, &still);
        prop_assert_eq!(moved_log(&stepped, 0), moved_log(&steady, 0));
    }

    #[test]
    fn a_second_source_with_the_same_lines_opens_nothing_more(policy in policy(), acts in acts(calm_act())) {
        let mut one = machine(policy.clone());
        let mut two = machine(policy);
        // A line of the very moment in which its inode is given to another namespace may mean either.
        for act_ in acts.iter().filter(|act_| !matches!(act_, Act::Recycle(_))) {
            act(&mut one, act_);
            act(&mut two, act_);
            if matches!(act_, Act::Lines(Trust::Kernel, ..) | Act::Expectation(Trust::Kernel)) {
                act(&mut two, act_);
            }
        }
        let orders = |world: &World| {
            let decided = |intent: &&Intent| matches!(intent,
                Intent::Open(_) | Intent::Reopen { .. } | Intent::Close(_) | Intent::Capture(_) | Intent::Turn { .. });
            let mut orders: Vec<Intent> = world.log.iter().map(|(_, intent)| intent).filter(decided).cloned().collect();
            for order in &mut orders {
                // By which of two equal lines a look knows the namespace's age may differ.
                if let Intent::Capture(order) = order {
                    order.not_younger_than_us = 0;
                }
            }
            orders
        };
        prop_assert_eq!(orders(&one), orders(&two));
    }

    #[test]
    fn a_reboot_puts_no_deadline_off(policy in policy(), acts in acts(any_act()), away in -1_000 * H..1_000 * H) {
        let mut world = machine(policy);
        run(&mut world, &acts);
        let waits = world.memory().spent.full_us - world.now.uptime_us;
        let memory = world.memory().clone();
        let now = Now { uptime_us: 20 * S, wall: WallTime(world.now.wall.0 + away) };
        let steer = Steer::resume(memory, world.policy.clone(), BootId([99; 16]), now);
        let after = steer.memory().spent.full_us - now.uptime_us;
        prop_assert!(after <= waits.max(0), "{waits} → {after}");
        prop_assert!(steer.memory().dumps_us.iter().all(|at| *at <= now.uptime_us));
        prop_assert!(steer.memory().captures.iter().all(|due| due.running.is_none_or(|r| r.since_us <= now.uptime_us)));
    }
}
