use super::super::address::notification_url;
use super::*;
use crate::model::ids::MailboxId;

const HERE: &str = "https://mirror.example";
const MESSAGES: SubscriptionScope = SubscriptionScope::Messages;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn user() -> GraphId {
    GraphId::from("1f0c8d7e-user")
}

fn calendar(id: &str) -> SubscriptionScope {
    SubscriptionScope::Events {
        calendar: id.into(),
    }
}

/// A subscription in the middle of its life.
fn active(scope: &SubscriptionScope, graph_id: &str) -> Subscription {
    Subscription {
        key: SubscriptionKey::generate(),
        mailbox: MailboxId(uuid::Uuid::nil()),
        scope: scope.clone(),
        state: SubscriptionState::Active,
        graph_id: Some(graph_id.to_owned()),
        public_url: HERE.to_owned(),
        expires_at: Some(now() + TimeDelta::days(5)),
        renew_at: Some(now() + TimeDelta::days(1)),
        not_before: None,
        failures: 0,
        created_at: now() - TimeDelta::days(2),
        touched_at: Some(now() - TimeDelta::days(2)),
        doubted_at: None,
        client_state_key: None,
    }
}

/// An attempt whose answer has not been seen.
fn creating(scope: &SubscriptionScope) -> Subscription {
    Subscription {
        state: SubscriptionState::Creating,
        graph_id: None,
        expires_at: None,
        renew_at: None,
        created_at: now() - TimeDelta::minutes(5),
        ..active(scope, "")
    }
}

fn listed(row: &Subscription, graph_id: &str) -> Listed {
    Listed {
        graph_id: graph_id.to_owned(),
        resource: resource(&user(), &row.scope),
        notification_url: notification_url(&row.public_url, row.key),
        key: Some(row.key),
        is_anothers: false,
        expires_at: now() + TimeDelta::days(6),
    }
}

fn foreign(graph_id: &str, scope: &SubscriptionScope, url: &str) -> Listed {
    Listed {
        graph_id: graph_id.to_owned(),
        resource: resource(&user(), scope),
        notification_url: url.to_owned(),
        key: None,
        is_anothers: false,
        expires_at: now() + TimeDelta::days(6),
    }
}

#[derive(Default)]
struct Case {
    reached: Addresses,
    wanted: Vec<SubscriptionScope>,
    stored: Vec<Subscription>,
    listed: Option<Vec<Listed>>,
    conflicts: Vec<SubscriptionScope>,
}

impl Case {
    fn wanting(wanted: &[SubscriptionScope]) -> Self {
        Self {
            reached: Some(HERE.to_owned()).into(),
            wanted: wanted.to_vec(),
            ..Self::default()
        }
    }

    fn storing(mut self, rows: &[&Subscription]) -> Self {
        self.stored = rows.iter().map(|row| (*row).clone()).collect();
        self
    }

    fn listing(mut self, listed: &[&Listed]) -> Self {
        self.listed = Some(listed.iter().map(|one| (*one).clone()).collect());
        self
    }

    fn in_conflict(mut self, scope: &SubscriptionScope) -> Self {
        self.conflicts.push(scope.clone());
        self
    }

    fn plan(&self) -> Vec<Action> {
        plan(&Situation {
            user: &user(),
            reached: &self.reached,
            wanted: &self.wanted,
            stored: &self.stored,
            listed: self.listed.as_deref(),
            conflicts: &self.conflicts,
            now: now(),
        })
    }
}

fn create(scope: &SubscriptionScope) -> Action {
    Action::Create {
        scope: scope.clone(),
        again: None,
    }
}

fn delete(row: &Subscription) -> Action {
    Action::Delete {
        key: row.key,
        graph_id: row.graph_id.clone().expect("it has one"),
    }
}

#[test]
fn everything_that_is_wanted_and_missing_is_created() {
    // M23.
    let plan = Case::wanting(&[MESSAGES, calendar("a")]).plan();

    assert_eq!(plan, [create(&MESSAGES), create(&calendar("a"))]);
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    // M23.
    let (one, two) = (active(&MESSAGES, "g1"), active(&calendar("a"), "g2"));

    let case = Case::wanting(&[MESSAGES, calendar("a")]).storing(&[&one, &two]);
    assert_eq!(case.plan(), []);
    let case = case.listing(&[&listed(&one, "g1"), &listed(&two, "g2")]);
    assert_eq!(case.plan(), []);
}

#[test]
fn what_is_not_wanted_any_more_is_deleted() {
    // M23, M55: the calendar has gone.
    let (kept, gone) = (active(&MESSAGES, "g1"), active(&calendar("a"), "g2"));

    let plan = Case::wanting(&[MESSAGES]).storing(&[&kept, &gone]).plan();

    assert_eq!(plan, [delete(&gone)]);
}

#[test]
fn an_attempt_that_is_not_wanted_any_more_does_not_wait_for_its_next_try() {
    let mut row = creating(&calendar("a"));
    row.not_before = Some(now() + TimeDelta::hours(4));

    let case = Case::wanting(&[]).storing(&[&row]);
    assert_eq!(case.plan(), [Action::List]);
    assert_eq!(case.listing(&[]).plan(), [Action::Forget { key: row.key }]);
}

#[test]
fn a_deletion_that_failed_waits() {
    let mut row = active(&MESSAGES, "g1");
    row.state = SubscriptionState::Retiring;
    row.not_before = Some(now() + TimeDelta::minutes(4));

    let case = Case::wanting(&[]).storing(&[&row]);
    assert_eq!(case.plan(), []);
    assert_eq!(due_at(&case.stored), row.not_before);
}

#[test]
fn without_a_public_address_nothing_is_kept() {
    let row = active(&MESSAGES, "g1");
    let mut case = Case::wanting(&[MESSAGES]).storing(&[&row]);
    case.reached = None.into();

    assert_eq!(case.plan(), [delete(&row)]);
}

#[test]
fn one_past_its_half_life_is_renewed() {
    // M24.
    let mut row = active(&MESSAGES, "g1");
    row.renew_at = Some(now());

    let plan = Case::wanting(&[MESSAGES]).storing(&[&row]).plan();

    let renewed = Action::Renew {
        key: row.key,
        graph_id: "g1".to_owned(),
    };
    assert_eq!(plan, [renewed]);
}

#[test]
fn a_renewal_is_not_tried_twice_within_ten_minutes() {
    // M29, M31, F10.46.
    let mut row = active(&MESSAGES, "g1");
    row.renew_at = Some(now() - TimeDelta::hours(1));
    row.touched_at = Some(now() - TimeDelta::minutes(9));

    let case = Case::wanting(&[MESSAGES]).storing(&[&row]);
    assert_eq!(case.plan(), []);
    assert_eq!(due_at(&case.stored), Some(now() + TimeDelta::minutes(1)));
}

#[test]
fn a_failed_renewal_waits_and_the_subscription_stays() {
    // R13: Graph is away for hours.
    let mut row = active(&MESSAGES, "g1");
    row.renew_at = Some(now() - TimeDelta::hours(1));
    row.not_before = Some(now() + TimeDelta::minutes(4));

    let case = Case::wanting(&[MESSAGES]).storing(&[&row]);
    assert_eq!(case.plan(), []);
    assert_eq!(due_at(&case.stored), row.not_before);
}

#[test]
fn one_that_has_ended_is_replaced_and_forgotten() {
    // F9.29, R11.
    let mut row = active(&MESSAGES, "g1");
    row.expires_at = Some(now());

    let plan = Case::wanting(&[MESSAGES]).storing(&[&row]).plan();

    assert_eq!(plan, [Action::Forget { key: row.key }, create(&MESSAGES)]);
}

#[test]
fn one_that_graph_does_not_list_is_replaced_and_forgotten() {
    // M23, M25.
    let row = active(&MESSAGES, "g1");

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[])
        .plan();

    assert_eq!(plan, [Action::Forget { key: row.key }, create(&MESSAGES)]);
}

#[test]
fn an_attempt_without_an_answer_is_looked_up_before_it_is_repeated() {
    // M25, F9.32.
    let row = creating(&MESSAGES);

    let plan = Case::wanting(&[MESSAGES]).storing(&[&row]).plan();

    assert_eq!(plan, [Action::List]);
}

#[test]
fn one_whose_201_was_lost_is_adopted_by_its_key() {
    // M25.
    let row = creating(&MESSAGES);
    let found = listed(&row, "g9");

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[&found])
        .plan();

    let adopt = Action::Adopt {
        key: row.key,
        graph_id: "g9".to_owned(),
        expires_at: found.expires_at,
    };
    assert_eq!(plan, [adopt]);
}

#[test]
fn one_that_was_made_twice_is_kept_once() {
    // M25, F9.32: the list lagged behind, so the attempt was repeated.
    let row = creating(&MESSAGES);

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[&listed(&row, "g1"), &listed(&row, "g2")])
        .plan();

    assert!(matches!(&plan[0], Action::Adopt { graph_id, .. } if graph_id == "g1"));
    let adopted = Subscription {
        state: SubscriptionState::Active,
        graph_id: Some("g1".to_owned()),
        expires_at: Some(now() + TimeDelta::days(6)),
        renew_at: Some(now() + TimeDelta::days(3)),
        ..row.clone()
    };
    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&adopted])
        .listing(&[&listed(&row, "g1"), &listed(&row, "g2")])
        .plan();
    let removed = Action::Remove {
        graph_id: "g2".to_owned(),
    };
    assert_eq!(plan, [removed]);
}

#[test]
fn an_attempt_that_left_nothing_is_repeated_in_its_row() {
    // M25.
    let row = creating(&MESSAGES);

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[])
        .plan();

    let again = Action::Create {
        scope: MESSAGES,
        again: Some(row.key),
    };
    assert_eq!(plan, [again]);
}

#[test]
fn an_attempt_that_must_wait_is_not_made_beside_by_another() {
    // M27: the quota is used up, the mailbox runs on polling.
    let mut row = creating(&MESSAGES);
    row.not_before = Some(now() + TimeDelta::hours(4));

    let case = Case::wanting(&[MESSAGES]).storing(&[&row]);
    assert_eq!(case.plan(), []);
    assert_eq!(due_at(&case.stored), row.not_before);
}

#[test]
fn an_unknown_one_for_the_same_resource_makes_way_when_graph_refuses_a_second() {
    // M26, F9.14.
    let row = creating(&MESSAGES);
    let other = foreign("g7", &MESSAGES, "https://elsewhere.example/hook");

    let case = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[&other]);
    let again = Action::Create {
        scope: MESSAGES,
        again: Some(row.key),
    };
    assert_eq!(
        case.plan(),
        std::slice::from_ref(&again),
        "nobody's business yet"
    );

    let removed = Action::Remove {
        graph_id: "g7".to_owned(),
    };
    assert_eq!(case.in_conflict(&MESSAGES).plan(), [removed, again]);
}

#[test]
fn another_connection_of_the_same_account_keeps_its_subscription() {
    // M26 must not make two owners of one account fight.
    let row = creating(&MESSAGES);
    let mut other = foreign("g7", &MESSAGES, "");
    other.key = Some(SubscriptionKey::generate());
    other.notification_url = notification_url(HERE, SubscriptionKey::generate());
    other.is_anothers = true;

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[&other])
        .in_conflict(&MESSAGES)
        .plan();

    assert!(
        !plan
            .iter()
            .any(|action| matches!(action, Action::Remove { .. }))
    );
}

#[test]
fn a_changed_public_address_gets_its_successor_before_the_old_one_goes() {
    // M28: nothing falls in between.
    let mut old = active(&MESSAGES, "g1");
    old.public_url = "https://before.example".to_owned();

    let plan = Case::wanting(&[MESSAGES]).storing(&[&old]).plan();
    assert_eq!(plan, [create(&MESSAGES)]);

    let successor = active(&MESSAGES, "g2");
    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&old, &successor])
        .plan();
    assert_eq!(plan, [delete(&old)]);
}

#[test]
fn what_another_replica_subscribed_to_under_its_own_address_stays() {
    // Two of them, each with a tunnel, that serve a mailbox in turn would replace each other's for ever.
    let mut others = active(&MESSAGES, "g1");
    others.public_url = "https://replica.example".to_owned();
    let mut case = Case::wanting(&[MESSAGES]).storing(&[&others]);
    case.reached.others = vec![others.public_url.clone()];

    assert_eq!(case.plan(), []);
    case.reached.others.clear();
    assert_eq!(case.plan(), [create(&MESSAGES)], "its tunnel has ended");
}

#[test]
fn a_predecessor_goes_first_where_graph_allows_only_one() {
    // F9.14: 409 for the successor.
    let mut old = active(&MESSAGES, "g1");
    old.public_url = "https://before.example".to_owned();
    let successor = creating(&MESSAGES);

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&successor, &old])
        .listing(&[&listed(&old, "g1")])
        .in_conflict(&MESSAGES)
        .plan();

    let again = Action::Create {
        scope: MESSAGES,
        again: Some(successor.key),
    };
    assert_eq!(plan, [delete(&old), again]);
}

#[test]
fn one_that_was_doubted_is_replaced_successor_first() {
    // M31 `subscriptionRemoved`, M33: both leave a retiring row.
    let mut doubted = active(&MESSAGES, "g1");
    doubted.state = SubscriptionState::Retiring;

    let plan = Case::wanting(&[MESSAGES]).storing(&[&doubted]).plan();
    assert_eq!(plan, [create(&MESSAGES)]);

    let successor = active(&MESSAGES, "g2");
    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&doubted, &successor])
        .plan();
    assert_eq!(plan, [delete(&doubted)]);
}

#[test]
fn of_two_that_serve_the_older_goes() {
    let mut older = active(&MESSAGES, "g1");
    older.created_at = now() - TimeDelta::days(4);
    let newer = active(&MESSAGES, "g2");

    let plan = Case::wanting(&[MESSAGES]).storing(&[&older, &newer]).plan();

    assert_eq!(plan, [delete(&older)]);
}

#[test]
fn an_attempt_beside_one_that_serves_is_cleared_away() {
    let (serving, attempt) = (active(&MESSAGES, "g1"), creating(&MESSAGES));
    let case = Case::wanting(&[MESSAGES]).storing(&[&serving, &attempt]);

    assert_eq!(case.plan(), [Action::List]);
    let none = case.listing(&[&listed(&serving, "g1")]);
    assert_eq!(none.plan(), [Action::Forget { key: attempt.key }]);
    let both = none.listing(&[&listed(&serving, "g1"), &listed(&attempt, "g2")]);
    let deleted = Action::Delete {
        key: attempt.key,
        graph_id: "g2".to_owned(),
    };
    assert_eq!(both.plan(), [deleted]);
}

#[test]
fn what_a_lost_database_left_at_graph_is_removed_and_strangers_stay() {
    // M23: the app registration may serve others too.
    let row = active(&MESSAGES, "g1");
    let left = foreign(
        "g2",
        &calendar("a"),
        &notification_url(HERE, SubscriptionKey::generate()),
    );
    let stranger = foreign("g3", &MESSAGES, "https://elsewhere.example/hook");

    let plan = Case::wanting(&[MESSAGES])
        .storing(&[&row])
        .listing(&[&listed(&row, "g1"), &left, &stranger])
        .plan();

    let removed = Action::Remove {
        graph_id: "g2".to_owned(),
    };
    assert_eq!(plan, [removed]);
}

#[test]
fn the_next_look_is_when_the_first_row_needs_one() {
    let mut one = active(&MESSAGES, "g1");
    one.renew_at = Some(now() + TimeDelta::days(3));
    let two = active(&calendar("a"), "g2");

    assert_eq!(due_at(&[one.clone(), two.clone()]), two.renew_at);
    one.expires_at = Some(now() + TimeDelta::hours(1));
    assert_eq!(due_at(&[one, two]), Some(now() + TimeDelta::hours(1)));
    assert_eq!(due_at(&[]), None);
}
