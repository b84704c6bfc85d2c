//! The actor of one link to an operator: connects, and connects again when the connection goes.
//!
//! Owns nothing that a message depends on: each connection is an [`OperatorSession`] of its own. Told by it when it has
//! ended, by people what they want ([`LinkOrder`]), and by the shutdown to [`Drain`].

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use smsc_proto::smpp::pdu::BindKind;

use super::connect::connect;
use super::keeper::Cut;
use super::link_status::{LinkState, LinkStatus};
use super::profile::Profile;
use super::reconnect::Backoff;
use super::session::{self, OperatorSession};
use crate::esme::listener::Place;
use crate::services::Services;
use crate::shutdown::Drain;
use crate::telemetry::metrics::LinkMetrics;

/// One link to an operator, bound or trying to be.
pub struct OperatorLink {
    services: Arc<Services>,
    profile: Arc<Profile>,
    kind: BindKind,
    metrics: LinkMetrics,
    status: Arc<LinkStatus>,
    backoff: Backoff,
    address: usize,
    session: Option<Addr<OperatorSession>>,
    connecting: bool,
    retry: Option<SpawnHandle>,
    paused: bool,
    // The session that ends was told to: the next one begins at once.
    rebinding: bool,
    draining: bool,
    // Keeps the count of connections of this thread right.
    _place: Place,
}

/// The connection is over.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct SessionEnded {
    /// How long it was bound; `None`: it never was.
    pub bound_for: Option<Duration>,
}

/// What people tell a link to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum LinkOrder {
    /// Finish what is under way, unbind, and bind again; without a connection: try at once.
    Reconnect,
    /// Close the connection as it is, and connect again: what was not answered may come twice.
    Drop,
    /// Finish what is under way, unbind, and stay away until [`Resume`](Self::Resume).
    Pause,
    /// Bind again.
    Resume,
}

/// The operator is configured otherwise from now on.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct Reprofile {
    /// How.
    pub profile: Arc<Profile>,
    /// An open bind cannot follow the change: it is ended in order, and made anew.
    pub rebind: bool,
}

impl OperatorLink {
    /// A link that binds as `kind` and tells `status` how it fares.
    pub fn new(
        services: Arc<Services>,
        profile: Arc<Profile>,
        kind: BindKind,
        status: Arc<LinkStatus>,
        place: Place,
    ) -> Self {
        Self {
            metrics: LinkMetrics::new(&profile.config.name),
            services,
            profile,
            kind,
            status,
            backoff: Backoff::default(),
            address: 0,
            session: None,
            connecting: false,
            retry: None,
            paused: false,
            rebinding: false,
            draining: false,
            _place: place,
        }
    }

    fn connect(&mut self, ctx: &mut Context<Self>) {
        self.retry = None;
        if self.draining {
            ctx.stop();
            return;
        }
        if self.paused || self.connecting || self.session.is_some() {
            return;
        }
        self.connecting = true;
        let profile = self.profile.clone();
        let address = profile.config.addresses[self.address % profile.config.addresses.len()].clone();
        self.status.enter(LinkState::Connecting);
        self.status.connects_to(address.to_string());
        let connecting = async move {
            let connected = connect(&profile, &address).await;
            (profile, address, connected)
        };
        let connected = connecting.into_actor(self).map(|(profile, address, connected), link, ctx| {
            link.connecting = false;
            if link.paused || !Arc::ptr_eq(&profile, &link.profile) {
                // Not where, or not when, it is wanted any more.
                link.settle_down(ctx);
                return;
            }
            let started = connected.map_err(|error| error.to_string()).and_then(|(socket, peer)| {
                let (services, status) = (link.services.clone(), link.status.clone());
                OperatorSession::start_on(services, profile, link.kind, status, ctx.address(), socket, peer)
                    .map_err(|error| error.to_string())
            });
            match started {
                Ok(session) if link.draining => session.do_send(Drain),
                Ok(session) => link.session = Some(session),
                Err(error) => {
                    tracing::warn!(event = "link.connect", link = %link.profile.name, %address, error, "cannot connect");
                    link.status.failed(format!("cannot connect to {address}: {error}"));
                    link.try_again(None, ctx);
                }
            }
        });
        ctx.spawn(connected);
    }

    /// Waits and connects again; to the next address if this one did not let us bind.
    fn try_again(&mut self, bound_for: Option<Duration>, ctx: &mut Context<Self>) {
        if bound_for.is_none() {
            self.address = self.address.wrapping_add(1);
        }
        let wait = self.backoff.next(bound_for.unwrap_or_default(), rand::random());
        self.metrics.reconnecting();
        self.status.enter(LinkState::BackingOff);
        self.connect_after(wait, ctx);
    }

    fn connect_after(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if let Some(retry) = self.retry.take() {
            ctx.cancel_future(retry);
        }
        self.retry = Some(ctx.run_later(wait, Self::connect));
    }

    /// Without a connection: stays away if it is paused, else connects at once.
    fn settle_down(&mut self, ctx: &mut Context<Self>) {
        match (self.paused, self.draining) {
            (true, false) => self.status.enter(LinkState::Paused),
            _ => self.connect_after(Duration::ZERO, ctx),
        }
    }

    /// Ends the session in order; the next one follows at once, unless the link is paused.
    fn rebind(&mut self, ctx: &mut Context<Self>) {
        match &self.session {
            Some(session) => {
                self.rebinding = true;
                self.status.enter(LinkState::Draining);
                session.do_send(Drain);
            }
            None if !self.connecting => self.settle_down(ctx),
            None => {}
        }
    }
}

impl Actor for OperatorLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.connect(ctx);
    }
}

impl Handler<SessionEnded> for OperatorLink {
    type Result = ();

    fn handle(&mut self, ended: SessionEnded, ctx: &mut Context<Self>) {
        self.session = None;
        if self.draining {
            ctx.stop();
        } else if std::mem::take(&mut self.rebinding) || self.paused {
            self.settle_down(ctx);
        } else {
            self.try_again(ended.bound_for, ctx);
        }
    }
}

impl Handler<LinkOrder> for OperatorLink {
    type Result = ();

    fn handle(&mut self, order: LinkOrder, ctx: &mut Context<Self>) {
        match (order, &self.session) {
            (LinkOrder::Drop, Some(session)) => session.do_send(session::HangUp),
            (LinkOrder::Drop | LinkOrder::Reconnect, _) => self.rebind(ctx),
            (LinkOrder::Pause, _) => {
                self.paused = true;
                self.rebind(ctx);
            }
            (LinkOrder::Resume, session) => {
                self.paused = false;
                if session.is_none() && !self.connecting {
                    self.connect_after(Duration::ZERO, ctx);
                }
            }
        }
    }
}

impl Handler<Reprofile> for OperatorLink {
    type Result = ();

    fn handle(&mut self, Reprofile { profile, rebind }: Reprofile, ctx: &mut Context<Self>) {
        self.profile = profile.clone();
        if rebind {
            (self.backoff, self.address) = (Backoff::default(), 0);
            self.rebind(ctx);
        } else if let Some(session) = &self.session {
            session.do_send(session::Reprofile(profile));
        }
    }
}

impl Handler<Drain> for OperatorLink {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.draining = true;
        match &self.session {
            Some(session) => {
                self.status.enter(LinkState::Draining);
                session.do_send(Drain);
            }
            None => ctx.stop(),
        }
    }
}

impl Handler<Cut> for OperatorLink {
    type Result = ();

    fn handle(&mut self, _: Cut, ctx: &mut Context<Self>) {
        self.draining = true;
        match &self.session {
            Some(session) => session.do_send(Cut),
            None => ctx.stop(),
        }
    }
}
