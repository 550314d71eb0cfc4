//! The rules of the policy, one by one.

mod steering;

use conntriage::model::live::event::{Captured, Ending, Event};
use conntriage::model::live::intent::{
    About, ConfirmedBy, Depth, Doubt, Ended, IncidentNo, Intent, Limit, Spared, Trigger, Whom,
};
use conntriage::model::live::life::{LIVES_MAX, Phase, Place, SUSPICIONS_MAX};
use conntriage::model::live::policy::{Enter, Policy};
use conntriage::model::record::Trust;
use conntriage::model::report::Role;
use conntriage::model::signal::{NamespaceWord, Table};
use steering::{H, MAX, MIN, S, Sight, World, captures, forged_line, kernel_line, lines, netns};

const FIRST: IncidentNo = IncidentNo(1);

fn roles(world: &World) -> Vec<(Role, Depth)> {
    captures(&world.log).into_iter().map(|(_, order)| (order.role, order.depth)).collect()
}

// Belief.

#[test]
fn a_line_of_the_kernels_own_opens_dumps_and_tells_at_once() {
    let mut world = World::new();
    let intents = world.hear(kernel_line());
    assert!(
        matches!(&intents[0], Intent::Open(o) if o.trigger == Trigger::KernelLine && o.key.place == Place::Initial)
    );
    assert_eq!(roles(&world), [(Role::At, Depth::Full)]);
    assert_eq!(world.told(), [About::Opened(FIRST), About::Evidence(FIRST)]);
}

#[test]
fn a_line_that_anybody_could_have_written_does_nothing_when_the_counters_disagree() {
    let mut world = World::new();
    world.live(30 * S);
    for trust in [Trust::Unverified, Trust::AsRecorded] {
        world.hear(lines(trust, NamespaceWord::Unnamed));
        world.live(4 * MIN);
    }
    assert_eq!((world.opened(), world.dumps().len(), world.mails().len()), (0, 0, 0));
    let doubts = |i: &Intent| matches!(i, Intent::Unconfirmed(u) if u.why == Doubt::Disagrees);
    assert_eq!(world.count(doubts), 1, "the second is told of ten minutes later");
    world.live(6 * MIN);
    assert_eq!(world.count(doubts), 2);
    assert!(world.memory().suspicions.is_empty());
}

#[test]
fn a_line_that_anybody_could_have_written_opens_when_the_counters_agree() {
    for by in [ConfirmedBy::Count, ConfirmedBy::Drops] {
        let mut world = World::new();
        world.live(30 * S);
        match by {
            ConfirmedBy::Count => world.spaces[0].count = MAX,
            _ => world.spaces[0].drop += 7,
        }
        world.wait(S / 2);
        let intents = world.hear(forged_line());
        let Some(Intent::Open(opening)) = intents.iter().find(|i| matches!(i, Intent::Open(_))) else {
            panic!("{by:?}: {intents:?}")
        };
        assert_eq!((opening.trigger, &opening.confirmed_by[..]), (Trigger::ConfirmedLine, &[by][..]));
        assert_eq!(opening.trust, Trust::Unverified);
        assert_eq!(world.dumps().len(), 1);
    }
}

#[test]
fn clashes_raise_the_drop_counter_and_confirm_nothing() {
    let mut world = World::new();
    world.live(30 * S);
    world.spaces[0].clash += 50;
    world.hear(forged_line());
    world.live(MIN);
    assert_eq!(world.opened(), 0);
}

#[test]
fn counters_that_cannot_be_read_do_not_disagree_and_confirm_nothing() {
    let mut world = World::new();
    world.spaces[0].counters = Sight::Nothing;
    world.hear(forged_line());
    assert_eq!(world.count(|i| matches!(i, Intent::Unconfirmed(_))), 0, "the question is open");
    world.live(20 * S);
    world.spaces[0].counters = Sight::All;
    world.spaces[0].count = MAX;
    world.live(2 * S);
    assert_eq!(world.opened(), 1, "it could be read later, and agreed");

    let mut world = World::new();
    world.spaces[0].counters = Sight::Nothing;
    world.hear(forged_line());
    world.live(2 * MIN);
    assert_eq!((world.opened(), world.mails().len()), (0, 0));
    assert_eq!(world.count(|i| matches!(i, Intent::Unconfirmed(u) if u.why == Doubt::CannotCheck)), 1);
    let checks = world.count(|i| matches!(i, Intent::Verify { .. }));
    assert!((3..=8).contains(&checks), "asked again, ever more rarely: {checks}");
}

#[test]
fn an_old_kernel_names_no_namespace_so_all_of_them_are_asked() {
    let mut world = World::new();
    world.add(None);
    let full = world.add(None);
    world.spaces[full].drop = 5;
    world.live(20 * S);
    world.spaces[full].drop += 3;
    let mut line = forged_line();
    line.names_namespaces = false;
    world.wait(S / 2);
    let intents = world.hear(line);
    assert!(intents.contains(&Intent::Verify {
        check: conntriage::model::live::intent::CheckNo(1),
        whom: Whom::Everybody
    }));
    let place = Place::of(world.spaces[full].netns);
    assert!(intents.iter().any(|i| matches!(i, Intent::Open(o) if o.key.place == place)), "{intents:?}");
    assert_eq!(world.dumps()[0].1.key.place, place);
}

#[test]
fn one_namespace_that_cannot_be_read_keeps_a_line_of_an_old_kernel_in_doubt() {
    let mut world = World::new();
    let hidden = world.add(None);
    world.spaces[hidden].counters = Sight::Nothing;
    world.live(20 * S);
    let mut line = forged_line();
    line.names_namespaces = false;
    world.hear(line);
    world.live(2 * MIN);
    let told: Vec<Doubt> = world
        .log
        .iter()
        .filter_map(|(_, i)| match i {
            Intent::Unconfirmed(u) => Some(u.why),
            _ => None,
        })
        .collect();
    assert_eq!(told, [Doubt::CannotCheck]);
}

#[test]
fn the_kernels_own_line_of_an_old_kernel_opens_where_the_counters_point_or_at_an_unknown_place() {
    let mut world = World::new();
    let full = world.add(None);
    world.live(20 * S);
    let mut line = kernel_line();
    line.names_namespaces = false;
    world.spaces[full].drop += 3;
    world.wait(S / 2);
    world.hear(line.clone());
    assert_eq!(world.dumps()[0].1.key.place, Place::of(world.spaces[full].netns));

    let mut world = World::new();
    world.add(None);
    world.live(20 * S);
    world.answers = false;
    world.hear(line.clone());
    assert_eq!(world.opened(), 0, "the answer is awaited");
    world.tick(2 * S, S);
    assert_eq!(world.opened(), 1, "but not for long");
    assert_eq!(roles(&world), [(Role::At, Depth::Light(Spared::NotEntered))]);
    world.hear(line);
    world.tick(2 * S, S);
    assert_eq!(world.opened(), 1, "and not once more for the next line");
}

#[test]
fn counters_that_point_at_a_table_later_find_the_incident_of_unknown_place() {
    let mut world = World::new();
    let full = world.add(None);
    world.live(20 * S);
    world.answers = false;
    let mut line = kernel_line();
    line.names_namespaces = false;
    world.hear(line);
    world.tick(2 * S, S);
    world.spaces[full].count = MAX;
    world.live(S);
    world.spaces[full].drop += 9;
    world.live(S);
    assert_eq!(world.opened(), 1);
    let incident = &world.memory().lives[0];
    assert_eq!(
        (&incident.key.place, &incident.look),
        (&Place::Unknown, &Place::of(world.spaces[full].netns))
    );
    assert_eq!(world.dumps().len(), 1);
}

#[test]
fn an_incident_of_unknown_place_is_not_in_a_namespace_made_since() {
    let mut world = World::new();
    let young = world.add(Some(world.now.uptime_us - 60 * S));
    let mut old = kernel_line();
    old.names_namespaces = false;
    old.last_us = Some(world.now.uptime_us - 63 * S);
    world.hear(old);
    assert_eq!((world.opened(), &world.memory().lives[0].look), (1, &Place::Unknown));
    let line = lines(Trust::Kernel, NamespaceWord::Inode(world.spaces[young].netns.inode));
    world.hear(line.clone());
    world.hear(line);
    assert_eq!(world.opened(), 2, "its own incident, and the second source adds none");
    assert_eq!(world.memory().lives[0].look, Place::Unknown);
}

#[test]
fn a_namespace_younger_than_the_line_is_not_the_one_that_was_meant() {
    let mut world = World::new();
    let young = world.add(Some(world.now.uptime_us - 5 * S));
    world.spaces[young].count = MAX;
    world.live(3 * S);
    let named = NamespaceWord::Inode(world.spaces[young].netns.inode);
    let mut line = lines(Trust::Unverified, named.clone());
    line.last_us = Some(world.now.uptime_us - 60 * S);
    world.hear(line);
    world.live(10 * S);
    assert_eq!(world.opened(), 0, "its inode is that of a namespace which is gone");

    let mut line = lines(Trust::Kernel, named);
    line.last_us = Some(world.now.uptime_us - 60 * S);
    let said = world.now.uptime_us - 60 * S;
    world.hear(line);
    let order = world.dumps().pop().unwrap().1;
    assert_eq!(order.role, Role::At);
    assert_eq!(order.key.place, Place::Netns { inode: world.spaces[young].netns.inode, born_us: Some(0) });
    assert_eq!(order.not_younger_than_us, said, "whoever looks must not take the younger one");
    let signs = world.memory().lives[0].last_sign;
    world.live(5 * S);
    assert_eq!(world.memory().lives[0].last_sign, signs, "nor do its counters keep the incident alive");
}

#[test]
fn recycled_inodes_are_two_incidents() {
    let mut world = World::new();
    let at = world.add(None);
    let named = NamespaceWord::Inode(world.spaces[at].netns.inode);
    world.live(2 * S);
    world.hear(lines(Trust::Kernel, named.clone()));
    world.live(20 * S);
    world.spaces[at].netns.born_us = Some(world.now.uptime_us);
    world.live(5 * S);
    world.hear(lines(Trust::Kernel, named));
    assert_eq!(world.opened(), 2);
}

#[test]
fn expectations_have_no_counter_so_that_only_the_kernels_own_line_opens() {
    let mut world = World::new();
    world.spaces[0].count = MAX;
    let mut line = forged_line();
    line.subject.table = Table::Expectation;
    world.hear(line.clone());
    world.live(5 * S);
    assert_eq!(world.opened(), 0);
    assert_eq!(world.count(|i| matches!(i, Intent::Unconfirmed(u) if u.why == Doubt::NoCounter)), 1);
    line.trust = Trust::Kernel;
    world.hear(line);
    assert_eq!(world.opened(), 1);
    let light = (Role::At, Depth::Light(Spared::NotEntries));
    assert!(roles(&world).contains(&light));
}

#[test]
fn several_sources_with_the_same_lines_open_once() {
    let mut world = World::new();
    world.live(20 * S);
    world.spaces[0].count = MAX;
    world.spaces[0].drop += 4;
    world.hear(forged_line());
    world.hear(kernel_line());
    world.wait(S / 10);
    world.hear(lines(Trust::AsRecorded, NamespaceWord::Unnamed));
    world.hear(kernel_line());
    world.live(3 * S);
    assert_eq!(world.opened(), 1);
    assert_eq!(world.memory().lives[0].trust, Trust::Kernel);
    world.spaces[0].count = 10;
    let end = world.now.uptime_us;
    world.live(15 * MIN);
    assert_eq!(world.closed(), 1);
    let mut late = kernel_line();
    (late.first_us, late.last_us) = (Some(end - S), Some(end - S));
    world.hear(late);
    assert_eq!(world.count(|i| matches!(i, Intent::Reopen { .. })), 0, "a copy that comes late is a copy");
}

#[test]
fn s12_forged_lines_at_ten_thousand_a_second_make_no_dump_no_mail_and_no_memory() {
    let mut world = World::new();
    world.live(20 * S);
    for at in 0..20_000_u64 {
        world.wait(S / 10_000);
        let named = match at % 4 {
            0 => NamespaceWord::Inode(at),
            1 => NamespaceWord::Container(at.to_string().into()),
            2 => NamespaceWord::Inode(world.spaces[0].netns.inode),
            _ => NamespaceWord::Unnamed,
        };
        let mut line = lines(Trust::Unverified, named);
        line.names_namespaces = at % 3 != 0;
        line.last_us = (at % 5 == 0).then_some(world.now.uptime_us - i64::try_from(at).unwrap() * S);
        world.hear(line);
        if at % 10_000 == 0 {
            world.poll_all();
        }
        let memory = world.memory();
        assert!(memory.suspicions.len() <= SUSPICIONS_MAX && memory.disbeliefs.len() <= SUSPICIONS_MAX);
    }
    world.live(20 * MIN);
    assert_eq!((world.opened(), captures(&world.log).len(), world.mails().len()), (0, 0, 0));
    let checks = world.count(|i| matches!(i, Intent::Verify { .. }));
    assert!(checks <= 4 * 85, "four a second while they wait: {checks}");
    let told = world.count(|i| matches!(i, Intent::Unconfirmed(_)));
    assert!(told <= 3 * SUSPICIONS_MAX, "{told}");
    assert!(world.memory().suspicions.is_empty() && world.memory().late.is_none());
}

#[test]
fn lines_of_the_kernel_find_room_in_a_flood() {
    let mut world = World::new();
    world.answers = false;
    world.live(20 * S);
    for at in 0..200 {
        world.hear(lines(Trust::Unverified, NamespaceWord::Inode(at)));
    }
    let mut line = kernel_line();
    line.names_namespaces = false;
    world.hear(line);
    world.tick(2 * S, S);
    assert_eq!(world.opened(), 1);
}

// Counters.

#[test]
fn drops_beside_a_full_count_open_without_any_line() {
    let mut world = World::new();
    world.live(10 * S);
    world.spaces[0].count = MAX - 10;
    world.live(S);
    assert_eq!(world.opened(), 0, "full alone is no loss");
    world.spaces[0].drop += 1;
    let intents = world.live(S);
    assert!(intents.iter().any(|i| matches!(i, Intent::Open(o) if o.trigger == Trigger::Counters)));
}

#[test]
fn drops_with_room_in_the_table_or_only_clashes_open_nothing() {
    let mut world = World::new();
    world.live(10 * S);
    world.spaces[0].drop += 100;
    world.live(5 * S);
    world.spaces[0].count = MAX - 10;
    world.live(2 * S);
    world.spaces[0].clash += 100;
    world.live(2 * S);
    assert_eq!(world.opened(), 0);
    world.spaces[0].counters = Sight::NoClashes;
    world.spaces[0].clash += 100;
    world.live(2 * S);
    assert_eq!(world.opened(), 0, "clashes that cannot be told apart, and the limit was not reached");
    world.spaces[0].count = MAX;
    world.spaces[0].drop += 1;
    world.live(2 * S);
    assert_eq!(world.opened(), 1);
}

#[test]
fn what_it_cost_comes_from_the_counters() {
    let mut world = World::new();
    world.spaces[0].drop = 1_000;
    world.live(60 * S);
    world.spaces[0].count = MAX;
    world.spaces[0].drop += 40;
    world.spaces[0].clash += 2;
    world.wait(S / 2);
    world.hear(kernel_line());
    for _ in 0..10 {
        world.spaces[0].drop += 5;
        world.live(S);
    }
    world.restart();
    world.spaces[0].drop += 10;
    world.spaces[0].count = 10;
    world.live(15 * MIN);
    let closing = world.log.iter().find_map(|(_, i)| match i {
        Intent::Close(closing) => Some(closing.clone()),
        _ => None,
    });
    let drops = closing.unwrap().drops.unwrap();
    assert_eq!((drops.low, drops.high, drops.gaps), (100, 102, false));
}

#[test]
fn a_table_that_nothing_was_known_of_before_has_a_gap_in_its_account() {
    let mut world = World::new();
    let at = world.add(None);
    world.spaces[at].drop = 500;
    world.hear(lines(Trust::Kernel, NamespaceWord::Inode(world.spaces[at].netns.inode)));
    world.spaces[at].drop = 510;
    world.live(2 * S);
    world.spaces[at].drop = 513;
    world.live(2 * S);
    let drops = world.memory().lives[0].drops.unwrap();
    assert_eq!((drops.low, drops.gaps), (3, true));
}

// Near full.

#[test]
fn near_full_for_three_polls_takes_one_early_look_that_joins_the_incident() {
    let mut world = World::new();
    for count in (50_000..=92_000).step_by(1_000) {
        world.spaces[0].count = count;
        world.live(S);
    }
    let early = captures(&world.log);
    assert_eq!((early.len(), early[0].1.role, early[0].1.depth), (1, Role::Before, Depth::Full));
    let forecast = early[0].1.forecast.unwrap();
    assert_eq!((forecast.per_hour, forecast.full_in_us), (3_600_000, 8 * S));
    world.live(5 * MIN);
    assert_eq!((captures(&world.log).len(), world.mails().len()), (1, 0), "one look, and no mail");
    world.hear(kernel_line());
    let before = world.log.iter().find_map(|(_, i)| match i {
        Intent::Open(opening) => Some(opening.before),
        _ => None,
    });
    assert_eq!(before, Some(Some(early[0].1.capture)));
}

#[test]
fn a_count_that_swings_around_the_mark_takes_one_early_look() {
    let mut world = World::new();
    for at in 0..600 {
        world.spaces[0].count = if at % 2 == 0 { 91_000 } else { 89_000 };
        world.live(S);
    }
    assert_eq!(captures(&world.log).len(), 0, "never three polls in a row");
    for at in 0..600 {
        world.spaces[0].count = if at % 20 < 10 { 91_000 } else { 85_000 };
        world.live(S);
    }
    assert_eq!(captures(&world.log).len(), 1, "it never was well below");
}

#[test]
fn the_sender_may_try_again_when_there_is_room() {
    let mut world = World::new();
    let retry = |i: &Intent| *i == Intent::RetryOutbox;
    world.spaces[0].count = MAX;
    world.live(2 * S);
    assert_eq!(world.count(retry), 0);
    for at in 0..30 {
        world.spaces[0].count = if at % 2 == 0 { 10 } else { MAX };
        world.live(S);
    }
    assert_eq!(world.count(retry), 1);
}

#[test]
fn the_ten_minutes_before_go_into_the_incident_and_every_poll_after() {
    let mut world = World::new();
    world.live(20 * MIN);
    world.hear(kernel_line());
    let Some((_, Intent::Keep { samples, .. })) =
        world.log.iter().find(|(_, i)| matches!(i, Intent::Keep { .. }))
    else {
        panic!("nothing kept")
    };
    assert_eq!(samples.len(), 600);
    assert!(samples.windows(2).all(|two| two[0].at < two[1].at));
    world.live(30 * S);
    assert_eq!(world.count(|i| matches!(i, Intent::Keep { samples, .. } if samples.len() == 1)), 30);
}

// Captures.

#[test]
fn follow_ups_come_after_half_a_minute_two_minutes_and_at_the_end() {
    let mut world = World::new();
    let start = world.now.uptime_us;
    world.hear(kernel_line());
    world.live(15 * MIN);
    let after: Vec<(Role, i64)> =
        captures(&world.log).iter().map(|(at, order)| (order.role, (at.uptime_us - start) / S)).collect();
    let expected = [(Role::At, 0), (Role::FollowUp, 30), (Role::FollowUp, 120), (Role::After, 600)];
    assert_eq!(after, expected);
    assert_eq!(world.dumps().len(), 4);
    assert_eq!(world.closed(), 1);
}

#[test]
fn s11_a_storm_of_incidents_is_no_storm_of_dumps() {
    let mut world = World::new();
    for _ in 0..99 {
        world.add(None);
    }
    world.live(2 * S);
    for at in 0..100 {
        let named = match at {
            0 => NamespaceWord::Unnamed,
            at => NamespaceWord::Inode(world.spaces[at].netns.inode),
        };
        world.hear(lines(Trust::Kernel, named));
        world.wait(S);
    }
    world.tick(58 * MIN, S);
    assert_eq!(world.opened(), 100);
    assert_eq!(world.dumps().len(), 6);
    let light = captures(&world.log).iter().filter(|(_, o)| o.depth == Depth::Light(Spared::Budget)).count();
    assert!(light > 100, "{light} light looks instead");
}

#[test]
fn dumps_come_one_at_a_time_and_the_cheap_facts_at_once() {
    let mut world = World::new();
    let other = world.add(None);
    world.captures = false;
    world.hear(kernel_line());
    world.hear(lines(Trust::Kernel, NamespaceWord::Inode(world.spaces[other].netns.inode)));
    assert_eq!(roles(&world), [(Role::At, Depth::Full), (Role::At, Depth::Light(Spared::Busy))]);
    world.wait(3 * S);
    let first = world.orders[0].capture;
    world.step(Event::Captured(Captured { capture: first, ending: Ending::Kept }));
    assert_eq!(roles(&world)[2], (Role::At, Depth::Full));
    assert_eq!(world.dumps()[1].1.key.place, Place::of(world.spaces[other].netns));
}

#[test]
fn a_dump_that_is_not_heard_of_is_given_up() {
    let mut world = World::new();
    world.captures = false;
    world.hear(kernel_line());
    world.tick(2 * MIN, S);
    let expected = [(Role::At, Depth::Full), (Role::FollowUp, Depth::Full)];
    assert_eq!(roles(&world), expected, "the follow-up that waited for it");
    world.tick(20 * MIN, S);
    assert_eq!(world.closed(), 1, "it ends all the same");
}

#[test]
fn a_first_look_that_failed_is_tried_once_more() {
    let mut world = World::new();
    world.captures = false;
    world.hear(kernel_line());
    for _ in 0..3 {
        for order in std::mem::take(&mut world.orders) {
            world.step(Event::Captured(Captured { capture: order.capture, ending: Ending::Failed }));
        }
        world.tick(6 * S, S);
    }
    assert_eq!(roles(&world), [(Role::At, Depth::Full), (Role::At, Depth::Full)]);
    assert_eq!(world.told(), [About::Opened(FIRST)], "there is no evidence to tell of");
}

#[test]
fn a_late_line_holds_up_an_end_that_was_near() {
    let mut world = World::new();
    world.captures = false;
    world.hear(kernel_line());
    world.tick(10 * MIN, S);
    assert_eq!(world.memory().lives[0].phase, Phase::Ending);
    let mut line = kernel_line();
    line.last_us = Some(world.now.uptime_us - 2 * MIN);
    world.hear(line);
    assert_eq!(world.memory().lives[0].phase, Phase::Quiet);
    world.tick(7 * MIN, S);
    assert_eq!(world.closed(), 0);
    world.captures = true;
    world.tick(2 * MIN, S);
    assert_eq!(world.closed(), 1);
}

#[test]
fn the_same_table_is_not_dumped_twice_within_the_cooldown() {
    let policy = Policy { quiet_us: MIN, follow_ups: Vec::new(), ..Policy::default() };
    let mut world = World::with(policy);
    world.hear(kernel_line());
    world.tick(3 * MIN, S);
    assert_eq!(world.closed(), 1);
    world.hear(kernel_line());
    assert_eq!(roles(&world), [(Role::At, Depth::Full), (Role::At, Depth::Light(Spared::Cooldown))]);
    world.tick(10 * MIN, S);
    world.hear(kernel_line());
    assert_eq!(roles(&world)[2], (Role::At, Depth::Full));
}

#[test]
fn another_namespace_is_entered_only_if_the_policy_says_so() {
    let mut world = World::with(Policy { enter: Enter::Never, ..Policy::default() });
    let at = world.add(None);
    world.hear(lines(Trust::Kernel, NamespaceWord::Inode(world.spaces[at].netns.inode)));
    assert_eq!(roles(&world), [(Role::At, Depth::Light(Spared::NotEntered))]);
    let mut world = World::with(Policy { capture: false, ..Policy::default() });
    world.hear(kernel_line());
    world.live(20 * MIN);
    assert_eq!((captures(&world.log).len(), world.closed()), (0, 1), "--no-capture");
}

#[test]
fn what_is_gone_is_not_looked_for_again() {
    let mut world = World::new();
    world.captures = false;
    world.hear(lines(Trust::Kernel, NamespaceWord::Inode(77)));
    let first = world.orders[0].capture;
    world.step(Event::Captured(Captured { capture: first, ending: Ending::Gone }));
    world.tick(5 * MIN, S);
    assert_eq!(captures(&world.log).len(), 1);
}

// Life.

#[test]
fn an_incident_opens_grows_becomes_quiet_and_ends() {
    let mut world = World::new();
    world.live(5 * S);
    world.hear(kernel_line());
    world.spaces[0].count = MAX;
    world.live(5 * MIN);
    world.spaces[0].count = 50_000;
    world.live(12 * MIN);
    let turns: Vec<Phase> = world
        .log
        .iter()
        .filter_map(|(_, i)| match i {
            Intent::Turn { phase, .. } => Some(*phase),
            Intent::Close(_) => Some(Phase::Closed),
            _ => None,
        })
        .collect();
    assert_eq!(turns, [Phase::Growing, Phase::Quiet, Phase::Ending, Phase::Closed]);
}

#[test]
fn a_table_that_stays_near_full_keeps_its_incident_open() {
    let mut world = World::new();
    world.hear(kernel_line());
    world.spaces[0].count = 91_000;
    world.live(2 * H);
    assert_eq!(world.closed(), 0);
    world.spaces[0].count = 89_000;
    world.live(11 * MIN);
    assert_eq!(world.closed(), 1);
}

#[test]
fn forged_lines_keep_no_incident_open() {
    let mut world = World::new();
    world.live(20 * S);
    world.hear(kernel_line());
    for _ in 0..20 {
        world.live(MIN);
        world.hear(forged_line());
    }
    assert_eq!(world.closed(), 1);
}

#[test]
fn within_an_hour_it_is_the_same_incident_and_after_that_another() {
    let mut world = World::new();
    world.hear(kernel_line());
    world.tick(60 * MIN, S);
    world.hear(kernel_line());
    assert_eq!(
        (world.opened(), world.count(|i| matches!(i, Intent::Reopen { incident: FIRST, .. }))),
        (1, 1)
    );
    assert!(world.told().contains(&About::Reopened(FIRST)));
    world.tick(75 * MIN, S);
    world.hear(kernel_line());
    assert_eq!(world.opened(), 2);
    assert_eq!(world.memory().lives.len(), 1, "the first is forgotten");
}

#[test]
fn a_reboot_ends_what_was_open() {
    let mut world = World::new();
    world.captures = false;
    world.hear(kernel_line());
    world.reboot(3 * MIN);
    world.step(Event::Tick);
    let ended = |i: &Intent| matches!(i, Intent::Close(c) if c.ended == Ended::Rebooted);
    assert_eq!(world.count(ended), 1);
    assert!(world.memory().captures.is_empty() && world.memory().lives.is_empty());
    world.hear(kernel_line());
    assert_eq!(world.opened(), 2, "the table did not outlive its boot");
    let mut old = kernel_line();
    old.last_us = Some(-5 * S);
    world.hear(old);
    assert_eq!(world.opened(), 2);
}

#[test]
fn more_incidents_than_are_remembered_are_counted() {
    let mut world = World::new();
    for at in 1..=LIVES_MAX as u64 + 5 {
        world.hear(lines(Trust::Kernel, NamespaceWord::Inode(at)));
        world.hear(lines(Trust::Kernel, NamespaceWord::Inode(at)));
        world.wait(S / 10);
    }
    assert_eq!((world.opened(), world.memory().lives.len()), (LIVES_MAX, LIVES_MAX));
    assert_eq!(world.memory().suppressed.unopened, 5);
    world.tick(20 * MIN, S);
    let told: u64 = world.mails().iter().map(|(_, notice)| notice.suppressed.unopened).sum();
    assert_eq!(told, 5);
}

// Messages.

#[test]
fn digests_come_after_a_quarter_an_hour_an_hour_and_then_every_six() {
    let mut world = World::with(Policy { per_incident_per_day: 20, ..Policy::default() });
    let start = world.now.uptime_us;
    world.hear(kernel_line());
    world.spaces[0].count = MAX;
    world.live(20 * H);
    let digests: Vec<i64> = world
        .mails()
        .iter()
        .filter(|(_, n)| n.about == About::Digest(FIRST))
        .map(|(at, _)| (at.uptime_us - start) / MIN)
        .collect();
    assert_eq!(digests, [15, 60, 7 * 60, 13 * 60, 19 * 60]);
    let ordinals: Vec<u32> = world.mails().iter().map(|(_, n)| n.ordinal).collect();
    assert_eq!(ordinals, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn one_incident_says_at_most_six_times_a_day_and_its_end_is_never_crowded_out() {
    let mut world = World::new();
    world.hear(kernel_line());
    world.spaces[0].count = MAX;
    world.live(14 * H);
    assert_eq!(world.mails().len(), 5);
    world.spaces[0].count = 10;
    world.live(11 * MIN);
    assert_eq!(world.told().last(), Some(&About::Closed(FIRST)));
    let last = world.mails().pop().unwrap().1;
    let listed: Vec<(About, Limit)> = last.suppressed.listed.iter().map(|s| (s.about, s.why)).collect();
    assert_eq!(listed, [(About::Digest(FIRST), Limit::Incident)]);
}

#[test]
fn a_storm_of_mails_is_ten_and_then_one_every_six_minutes_with_a_list() {
    let mut world = World::new();
    for at in 1..=100 {
        world.hear(lines(Trust::Kernel, NamespaceWord::Inode(at)));
        world.wait(S / 10);
    }
    assert_eq!(world.mails().len(), 10);
    world.tick(2 * H, S);
    assert!(world.mails().len() <= 10 + 21, "{}", world.mails().len());
    let about: u64 =
        world.mails().iter().map(|(_, n)| 1 + n.suppressed.listed.len() as u64 + n.suppressed.more).sum();
    let held = &world.memory().suppressed;
    let summaries = world.told().iter().filter(|about| **about == About::Summary).count() as u64;
    // Opened, evidence and closed of each.
    assert_eq!(about - summaries + held.listed.len() as u64 + held.more, 300);
}

#[test]
fn programs_hear_who_it_was_of_every_incident_whatever_mail_is_limited_to() {
    let mut world = World::with(Policy { burst: 1, per_incident_per_day: 1, ..Policy::default() });
    world.hear(kernel_line());
    world.wait(S / 10);
    world.tick(MIN, S);
    assert!(!world.told().contains(&About::Evidence(FIRST)), "{:?}", world.told());
    assert_eq!(world.count(|i| *i == Intent::Known(FIRST)), 1);
}

#[test]
fn a_day_has_its_own_limit() {
    let policy = Policy { per_day: 12, ..Policy::default() };
    let mut world = World::with(policy);
    for at in 1..=100 {
        world.hear(lines(Trust::Kernel, NamespaceWord::Inode(at)));
        world.tick(12 * MIN, 10 * S);
    }
    assert_eq!(world.mails().len(), 12);
}

#[test]
fn a_restart_tells_nothing_twice() {
    let mut world = World::new();
    world.hear(kernel_line());
    for _ in 0..30 {
        world.restart();
        world.tick(MIN, S);
    }
    let told = world.told();
    let expected = [About::Opened(FIRST), About::Evidence(FIRST), About::Closed(FIRST)];
    assert_eq!(told, expected);
}

#[test]
fn a_backlog_becomes_one_message() {
    let mut world = World::new();
    let now = world.now.uptime_us;
    for at in 0..500 {
        let mut line = kernel_line();
        line.first_us = Some(now - 9 * H + at * MIN);
        line.last_us = line.first_us;
        // Two sources tell the same.
        world.hear(line.clone());
        world.hear(line);
    }
    world.tick(5 * MIN, S);
    assert_eq!((world.opened(), world.dumps().len()), (0, 0));
    assert_eq!(world.told(), [About::Backlog]);
    let stretches = world.log.iter().find_map(|(_, i)| match i {
        Intent::Backlog(backlog) => Some(backlog.stretches.len()),
        _ => None,
    });
    assert_eq!(stretches, Some(1));
}

#[test]
fn a_backlog_that_anybody_could_have_written_makes_none() {
    let mut world = World::new();
    for at in 1..500 {
        let mut line = forged_line();
        line.last_us = Some(world.now.uptime_us - at * H);
        world.hear(line);
    }
    world.tick(5 * MIN, S);
    assert_eq!(world.mails().len(), 0);
    assert_eq!(world.count(|i| matches!(i, Intent::Backlog(b) if b.stretches.len() == 64 || b.more > 0)), 1);
}

#[test]
fn budgets_outlive_a_reboot_whatever_the_wall_clock_says() {
    for step in [-1_000 * H, 0, 5 * S] {
        let mut world = World::new();
        for at in 1..=20 {
            world.hear(lines(Trust::Kernel, NamespaceWord::Inode(at)));
        }
        let (mails, dumps) = (world.mails().len(), world.dumps().len());
        world.reboot(step);
        for at in 1..=20 {
            world.hear(lines(Trust::Kernel, NamespaceWord::Inode(at)));
        }
        assert_eq!((world.mails().len(), world.dumps().len()), (mails, dumps), "step {step}");
        world.tick(2 * H, S);
        assert!(world.mails().len() > mails, "no deadline is put off for ever");
    }
}

#[test]
fn the_namespace_of_a_place_is_the_one_of_the_report() {
    use conntriage::model::incident::Namespace;
    assert_eq!(Place::of(netns(0, None)).namespace(), Namespace::Initial);
    assert_eq!(Place::of(netns(3, Some(1))).namespace(), Namespace::Netns(4_026_531_843));
}
