//! Builds store, router and edges in that order, watches them, and takes them down in the other.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix::prelude::*;
use arc_swap::ArcSwap;
use smsc_router::{Router, RouterHandle};
use smsc_store::actor::{Store, StoreFailed};
use smsc_store::{Name, Outbox, ReceiptDesk, StoreHandle, Upgrade};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::api::inquiries::Inquiries;
use crate::api::{Api, Node};
use crate::cdr::CdrWriter;
use crate::cdr::files::CdrOptions;
use crate::cluster::changes::Changes;
use crate::cluster::relay::Relays;
use crate::cluster::{Cluster, bridge, questions, shares};
use crate::config::{Config, Source};
use crate::console::pages;
use crate::console::watch::Watch;
use crate::demo;
use crate::departure::DepartureFile;
use crate::drainer::{Drainer, TakeOut, wait_until_out};
use crate::esme::entrance::Entrance;
use crate::esme::listener::Threads;
use crate::esme::listeners::Listeners;
use crate::operator::keeper::LinkKeeper;
use crate::rebalancer::Rebalancer;
use crate::reload::{Beginning, LiveConfig, Tokens, watch as watch_files};
use crate::services::Services;
use crate::shutdown::{StopSignal, StopSignals};
use crate::telemetry::agent_check::AgentCheck;
use crate::telemetry::health::NodeState;
use crate::telemetry::http::HttpServer;
use crate::telemetry::spans::Spans;
use crate::telemetry::{logging, metrics};
use crate::tls::{SelfMade, ServerTls, watch};

/// What the last call detail records get, also when the drain has used up its time.
const CDR_FLUSH_MIN: Duration = Duration::from_secs(2);

/// What a collector gets for the last spans.
const SPANS_FLUSH_MAX: Duration = Duration::from_secs(2);

/// How the node is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the configuration comes from, to read it again.
    pub source: Source,
    /// The loopback demo: with a simulated operator, a self-made certificate, and words for its user.
    pub demo: bool,
}

/// Why a node could not start or had to stop. Each names what is wrong and where.
type Failure = Box<dyn std::error::Error>;

/// Runs the node until it is told to stop. 0 when it stopped in order, 1 when it could not start or had to give up.
pub fn run(config: Config, options: RunOptions) -> ExitCode {
    logging::install(&config.telemetry, &config.node.name);
    // One descriptor per session: the usual soft limit of 1,024 is none for a message centre.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match System::new().block_on(serve(config, options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(event = "node.failed", "{failure}");
            eprintln!("smsc: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config, options: RunOptions) -> Result<(), Failure> {
    let recorder = metrics::install(config.telemetry.accounts_max);
    for danger in config.dangers() {
        tracing::warn!(event = "config.danger", key = danger.key, "{}", danger.note);
    }
    let leaving = DepartureFile::in_folder(&config.node.data_dir).is_leaving()?;
    if options.demo {
        SelfMade::in_folder(&config.node.data_dir).ensure()?;
    }
    // Whatever can be wrong with files is found before a port is opened.
    let mut server_tls = Vec::new();
    for listener in &config.listener {
        server_tls.push(listener.tls.as_ref().map(ServerTls::load).transpose()?.map(Arc::new));
    }
    let (live, beginning) = Beginning::read(options.source, &config)?;
    let router = RouterHandle::new(live.config.router_options())?;
    let cluster = Cluster::open(&live.config)?;
    let mut signals = StopSignals::catch()?;
    let spans = Spans::start(&config.node, &config.telemetry)?;
    let hangup = signal(SignalKind::hangup())?;

    let state = NodeState::default();
    let tokens = Tokens::new(ArcSwap::from_pointee(live.config.http.tokens.clone()));
    let api = Api::new(config.http.address, state.clone(), tokens.clone());
    let agent_check = config.http.agent_check.map(|at| AgentCheck::bind(at, state.clone()));
    let pages = pages::routes(api.routes());
    let http = HttpServer::start(config.http.address, recorder, state.clone(), pages, agent_check.transpose()?)?;
    let (failed_sender, mut failed) = mpsc::channel(1);
    let failures = Failures { sender: failed_sender }.start();
    let started = SystemTime::now();
    let upgrade = Upgrade::read(&config.node.data_dir)?;
    let mut store_options = live.config.store_options();
    // The release before could not read what is owed.
    store_options.cdr &= upgrade.has_cdrs();
    if live.config.cdr.is_some() && !upgrade.has_cdrs() {
        tracing::warn!(
            event = "cdr.waits",
            "no CDRs are written until the upgrade is finished (smsc ctl upgrade finish) and this node is started anew"
        );
    }
    let (store, store_threads) = Store::open(store_options, failures.recipient())?;
    state.watch_store(store.clone(), config.store.messages_max);
    let removed = removed_operators(&live.config, &store);
    ReceiptDesk::start_for(store.clone());
    let router_actor = Router::start(router.clone(), store.clone(), removed);

    let cdr = live.config.cdr.as_ref().filter(|_| upgrade.has_cdrs()).map(|cdr| {
        let options = CdrOptions::new(&live.config.node.name, cdr);
        CdrWriter::start(options, store.clone())
    });
    if options.demo {
        demo::start_operator()?;
    }
    let cluster_handle = cluster.as_ref().map(Cluster::handle);
    let services = Arc::new(Services::new(config, live, (store, upgrade), router, router_actor, cluster_handle, spans));
    if let Some(handle) = &services.cluster {
        state.watch_cluster(handle.clone());
        handle.spawn(bridge::tell_router(handle.clone(), services.clone()));
        handle.spawn(bridge::publish_standing(handle.clone(), state.clone(), services.store.clone()));
    }
    let cluster = cluster.map(|mut cluster| {
        Relays::start(&services, &mut cluster);
        let changes = Changes::add_to(&mut cluster);
        questions::Service::add_to(&mut cluster, api.routes_for_peers());
        (cluster.start(), changes)
    });
    let (cluster, changes) = cluster.unzip();
    let config = &services.config;
    let mut ports = Vec::new();
    for (listener, tls) in config.listener.iter().zip(server_tls) {
        if let Some(tls) = &tls {
            actix::spawn(watch(tls.clone()));
        }
        let entrance = Entrance::new(listener, tls, config.session.session_init);
        ports.push((listener.address, Arc::new(entrance)));
    }
    let threads = Arc::new(Threads::start());
    let links = Arc::new(LinkKeeper::new(services.clone(), threads.clone()));
    let listeners = Listeners::new(ports, services.clone(), threads.clone());
    if leaving {
        links.drain();
    } else {
        listeners.open()?;
    }
    links.set(&services.live().profiles);
    if let (Some(handle), Some(cluster)) = (&services.cluster, &config.cluster) {
        handle.spawn(shares::keep(handle.clone(), cluster.nodes_expected, services.clone()));
        actix::spawn(links.clone().follow(handle.clone()));
    }
    let (drainer, is_out) = Drainer::start_for(&services, listeners, &links, &threads, &state);
    let live_config = LiveConfig::new(beginning, services.clone(), links.clone(), tokens);
    if let (Some(changes), Some(handle)) = (changes, &services.cluster) {
        changes.share(&live_config, handle);
    }
    actix::spawn(watch_files(live_config.clone(), hangup));
    let inquiries = Inquiries::start_for(services.store.clone());
    let (stop, mut stopped) = mpsc::channel(1);
    let parts = Node {
        services: services.clone(),
        links: links.clone(),
        config: live_config,
        cdr: cdr.clone(),
        inquiries,
        drainer: drainer.clone(),
        rebalancer: Rebalancer::start_for(&services, &state),
        stop,
        started,
        watch: Watch::default(),
    };
    api.serve(parts);
    actix::spawn(api.clone().keep_watch());
    state.ready();
    match leaving {
        false => tracing::info!(event = "node.ready", "listening"),
        true => {
            state.draining("decommissioning");
            tracing::warn!(event = "node.leaving", "it is being decommissioned: `smsc ctl nodes undrain` has it stay");
            drainer.do_send(TakeOut { hurry: true });
        }
    }
    if options.demo {
        demo::greet(config);
    }

    let signal = tokio::select! {
        signal = signals.next() => signal,
        // Somebody with the right to it has said so over the API: as a supervisor would.
        Some(()) = stopped.recv() => StopSignal::Terminate,
        Some(failure) = failed.recv() => {
            // A failed sync is never retried: what is not answered was not promised, and a restart replays the rest.
            state.failed("the store has failed");
            return Err(failure);
        }
    };
    tracing::info!(event = "node.stop", ?signal, "stopping");
    let deadline = Instant::now() + config.drain.deadline;
    // Load balancers take a moment to notice: who they still send here is served until then. A person does not wait.
    let hurry = signal == StopSignal::Interrupt || config.drain.lb_delay.is_zero();
    drainer.do_send(TakeOut { hurry });
    wait_until_out(&drainer, is_out, deadline, hurry, &mut signals).await;
    let left = services.directory.len();
    // Peers hear of it before the store closes: nothing more is taken from them.
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    if let Some(cdr) = cdr
        && !cdr.flush(deadline.max(Instant::now() + CDR_FLUSH_MIN)).await
    {
        tracing::error!(event = "cdr.left", "CDRs are left to be written: the next start does it");
    }
    if let Some(spans) = &services.spans {
        spans.flush(SPANS_FLUSH_MAX).await;
    }
    store_threads.close(config.drain.deadline)?;
    api.close();
    http.stop();
    tracing::info!(event = "drain.end", sessions_left = left, "stopped");
    Ok(())
}

/// Operators that messages wait for and that the configuration no longer knows.
fn removed_operators(config: &Config, store: &StoreHandle) -> Vec<Name> {
    let configured = |name: Name| config.operator.iter().any(|operator| operator.name == name.as_str());
    let stats = store.stats();
    let outboxes = stats.iter().flat_map(|partition| &partition.stats.outboxes);
    let waiting = outboxes.filter_map(|outbox| match outbox.outbox {
        Outbox::Operator(name) => Some(name),
        Outbox::Account(_) => None,
    });
    waiting.filter(|name| !configured(*name)).collect()
}

/// Hears of a failed store and tells the main loop.
struct Failures {
    sender: mpsc::Sender<Failure>,
}

impl Actor for Failures {
    type Context = Context<Self>;
}

impl Handler<StoreFailed> for Failures {
    type Result = ();

    fn handle(&mut self, failed: StoreFailed, _: &mut Context<Self>) {
        // One is enough: the first ends the node.
        let _ = self.sender.try_send(failed.error.to_string().into());
    }
}
