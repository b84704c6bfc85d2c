//! The actor of one link to an operator: connects, and connects again when the connection goes.
//!
//! Owns nothing that a message depends on: each connection is an [`OperatorSession`] of its own. Told by it when it has
//! ended, and by the shutdown to [`Drain`].

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use smsc_proto::smpp::pdu::BindKind;

use super::connect::connect;
use super::keeper::Cut;
use super::profile::Profile;
use super::reconnect::Backoff;
use super::session::OperatorSession;
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
    backoff: Backoff,
    address: usize,
    session: Option<Addr<OperatorSession>>,
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

impl OperatorLink {
    /// A link that binds as `kind`.
    pub fn new(services: Arc<Services>, profile: Arc<Profile>, kind: BindKind, place: Place) -> Self {
        Self {
            metrics: LinkMetrics::new(&profile.config.name),
            services,
            profile,
            kind,
            backoff: Backoff::default(),
            address: 0,
            session: None,
            draining: false,
            _place: place,
        }
    }

    fn connect(&mut self, ctx: &mut Context<Self>) {
        if self.draining {
            ctx.stop();
            return;
        }
        let profile = self.profile.clone();
        let address = profile.config.addresses[self.address % profile.config.addresses.len()].clone();
        let connecting = async move {
            let connected = connect(&profile, &address).await;
            (address, connected)
        };
        let connected = connecting.into_actor(self).map(|(address, connected), link, ctx| {
            let started = connected.map_err(|error| error.to_string()).and_then(|(socket, peer)| {
                let (services, profile) = (link.services.clone(), link.profile.clone());
                OperatorSession::start_on(services, profile, link.kind, ctx.address(), socket, peer)
                    .map_err(|error| error.to_string())
            });
            match started {
                Ok(session) if link.draining => session.do_send(Drain),
                Ok(session) => link.session = Some(session),
                Err(error) => {
                    tracing::warn!(event = "link.connect", link = %link.profile.name, %address, error, "cannot connect");
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
        ctx.run_later(wait, Self::connect);
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
        } else {
            self.try_again(ended.bound_for, ctx);
        }
    }
}

impl Handler<Drain> for OperatorLink {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.draining = true;
        match &self.session {
            Some(session) => session.do_send(Drain),
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
