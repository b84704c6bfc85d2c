//! What the loopback demo has besides a node: a simulated operator in the same process, and a few words to its user.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::commands::simulate::{Announce, Options, SimulatedOperator};
use crate::config::Config;

/// Messages to numbers that begin so come back as MO messages.
const LOOPBACK_PREFIX: &str = "4676";

/// Starts the simulated operator where the demo's configuration looks for it, on a thread of its own.
pub fn start_operator() -> io::Result<()> {
    let address: SocketAddr = ([127, 0, 0, 1], 2875).into();
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        io::Error::new(error.kind(), format!("the simulated operator cannot listen on {address}: {error}"))
    })?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("simulated-operator".into()).spawn(move || {
        let options =
            Options { loopback: vec![LOOPBACK_PREFIX.to_owned()], announce: Announce::Nothing, ..Options::default() };
        runtime.block_on(async {
            let served = match TcpListener::from_std(listener) {
                Ok(listener) => SimulatedOperator::serve(listener, options).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::error!(event = "demo.operator", %error, "the simulated operator has stopped");
            }
        });
    })?;
    Ok(())
}

/// Tells the user of the demo what runs and what to try.
pub fn greet(config: &Config) {
    println!(
        "A message centre runs on this machine, for trials only.

  SMPP        127.0.0.1:2775, with TLS 127.0.0.1:2776    system_id demo, password demo
  HTTP        http://{}/healthz    /metrics
  journal     {}    (--fresh removes it at the start)
  operator    simulated: returns a receipt for every message; numbers {LOOPBACK_PREFIX}… send an MO back

In a second terminal:

  smsc send --to 46701234567 --text hello
  smsc send --to 46701234567 --text hello --tls
  smsc receive --send-to {LOOPBACK_PREFIX}1234567

With cargo: `cargo run --release -- send …`. Ctrl-C stops it.
",
        config.http.address,
        config.node.data_dir.display(),
    );
}
