use std::time::Duration;

use actix_rt::time::timeout;
use smsc_proto::ids::PartitionId;
use smsc_proto::smpp::command_status::CommandStatus;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::options::RouterOptions;
use crate::route::MtRoute;

fn name(text: &str) -> Name {
    Name::intern(text)
}

fn options(operators: &[(&str, Duration)], failover: &[&str]) -> RouterOptions {
    let route = MtRoute {
        prefix: String::new(),
        account: None,
        source: None,
        operators: operators.iter().take(1).map(|(operator, _)| (name(operator), 1)).collect(),
        failover: failover.iter().map(|operator| name(operator)).collect(),
    };
    RouterOptions {
        mt: vec![route],
        mo: vec![],
        no_route: CommandStatus::ESME_RINVDSTADR,
        operators: operators.iter().map(|(operator, after)| (name(operator), *after)).collect(),
    }
}

/// A router over a store that only notes what it is asked.
struct Trial {
    handle: RouterHandle,
    router: Addr<Router>,
    asked: UnboundedReceiver<Reroute>,
}

const SOON: Duration = Duration::from_millis(5);
const NEVER: Duration = Duration::from_secs(3_600);

impl Trial {
    fn start(options: RouterOptions, partitions: usize, removed: &[&str]) -> Self {
        let handle = RouterHandle::new(options).expect("good routes");
        let (ask, asked) = unbounded_channel();
        let removed = removed.iter().map(|operator| name(operator)).collect();
        // Parked MO is looked through at every start: the trials are about operators.
        let ask = move |reroute: Reroute| match reroute.from {
            Outbox::Operator(_) => ask.send(reroute).expect("the trial outlives its router"),
            Outbox::Account(_) => {}
        };
        let router = Router::start_with(handle.clone(), Box::new(move || partitions), removed, Box::new(ask));
        Self { handle, router, asked }
    }

    async fn next_step(&mut self) -> Reroute {
        timeout(Duration::from_secs(10), self.asked.recv()).await.expect("a step in time").expect("the router lives")
    }

    fn operator(&self) -> &'static str {
        self.handle.snapshot().mt(name("demo"), b"", b"46701234567").expect("a route").as_str()
    }

    /// Returns when the router has handled it.
    async fn link(&self, operator: &str, bound: bool) {
        self.router.send(LinkChanged { operator: name(operator), bound }).await.expect("the router lives");
    }
}

fn answer(step: &Reroute, partition: u16, moved: u32, more: bool) -> Rerouted {
    let partition = PartitionId::new(partition).expect("a small number");
    Rerouted { from: step.from, partition, moved, more }
}

#[actix_rt::test]
async fn an_operator_without_link_is_passed_over_and_its_messages_are_rerouted() {
    let mut trial = Trial::start(options(&[("a-main", SOON), ("a-other", NEVER)], &["a-other"]), 1, &[]);
    assert_eq!(trial.operator(), "a-main", "at start the clock runs");
    let step = trial.next_step().await;
    assert_eq!((step.from, step.step_max), (Outbox::Operator(name("a-main")), 1_000));
    assert_eq!(trial.operator(), "a-other");
}

#[actix_rt::test]
async fn steps_go_on_until_all_partitions_have_no_more() {
    let mut trial = Trial::start(options(&[("a-main", SOON), ("a-other", NEVER)], &["a-other"]), 2, &[]);
    let first = trial.next_step().await;
    first.reply.do_send(answer(&first, 0, 1_000, true));
    first.reply.do_send(answer(&first, 1, 3, false));
    let second = trial.next_step().await;
    assert_eq!(second.from, first.from);
    second.reply.do_send(answer(&second, 0, 10, false));
    trial.router.send(answer(&second, 1, 0, false)).await.expect("the router lives");
    assert!(trial.asked.try_recv().is_err(), "it has been gone through");
}

#[actix_rt::test]
async fn a_bound_link_keeps_its_operator() {
    let trial = Trial::start(options(&[("a-main", SOON), ("a-other", SOON)], &["a-other"]), 1, &[]);
    trial.link("a-main", true).await;
    let mut trial = trial;
    let step = trial.next_step().await;
    assert_eq!(step.from, Outbox::Operator(name("a-other")), "only the one without link");
    assert_eq!(trial.operator(), "a-main");
}

#[actix_rt::test]
async fn a_link_that_returns_makes_its_operator_available_and_ends_the_rerouting() {
    let mut trial = Trial::start(options(&[("a-main", SOON), ("a-other", NEVER)], &["a-other"]), 1, &[]);
    let step = trial.next_step().await;
    trial.link("a-main", true).await;
    assert_eq!(trial.operator(), "a-main");
    trial.router.send(answer(&step, 0, 1_000, true)).await.expect("the router lives");
    assert!(trial.asked.try_recv().is_err(), "what has not moved stays");
}

#[actix_rt::test]
async fn what_waits_is_tried_again_when_another_operator_returns() {
    let mut trial = Trial::start(options(&[("a-main", SOON), ("a-other", SOON)], &["a-other"]), 1, &[]);
    let mut waiting = Vec::new();
    while waiting.len() < 2 || trial.handle.snapshot().is_available(name("a-other")) {
        let step = trial.next_step().await;
        trial.router.send(answer(&step, 0, 0, false)).await.expect("the router lives");
        waiting.push(step.from);
    }
    assert_eq!(trial.operator(), "a-main", "nothing is available: the first choice stays");
    while trial.asked.try_recv().is_ok() {}
    trial.link("a-other", true).await;
    assert_eq!(trial.next_step().await.from, Outbox::Operator(name("a-main")));
    assert_eq!(trial.operator(), "a-other");
}

#[actix_rt::test]
async fn what_waits_for_removed_operators_is_rerouted_at_start() {
    let mut trial = Trial::start(options(&[("a-main", NEVER)], &[]), 1, &["a-gone"]);
    let step = trial.next_step().await;
    assert_eq!(step.from, Outbox::Operator(name("a-gone")));
}

#[actix_rt::test]
async fn a_new_configuration_reroutes_what_waits_for_operators_that_are_gone() {
    let mut trial = Trial::start(options(&[("a-main", NEVER)], &[]), 1, &[]);
    let changed = trial.router.send(Reconfigure(options(&[("a-new", NEVER)], &[]))).await.expect("the router lives");
    assert_eq!(changed, Ok(()));
    assert_eq!(trial.operator(), "a-new");
    assert_eq!(trial.next_step().await.from, Outbox::Operator(name("a-main")));
}

#[actix_rt::test]
async fn a_configuration_that_contradicts_itself_changes_nothing() {
    let trial = Trial::start(options(&[("a-main", NEVER)], &[]), 1, &[]);
    let broken = options(&[("a-new", NEVER)], &["a-nobody"]);
    let refused = trial.router.send(Reconfigure(broken)).await.expect("the router lives");
    assert_eq!(refused, Err(RouterError::UnknownOperator { kind: "route", route: 1, operator: name("a-nobody") }));
    assert_eq!(trial.operator(), "a-main");
}
