//! Serves a sandbox over HTTP until interrupted, and prints its kubeconfig.
//!
//! `cargo run -p spindrift-sandbox --example serve -- 127.0.0.1:8001 > kubeconfig`

use spindrift_sandbox::{Sandbox, SandboxOptions};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let sandbox = Sandbox::new(SandboxOptions::default());
    let controllers = sandbox.start(&tokio::runtime::Handle::current());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("{}", sandbox.kubeconfig(listener.local_addr()?));
    let streams = sandbox.clone();
    axum::serve(listener, sandbox.router())
        .with_graceful_shutdown(async move {
            // Without a signal handler the process ends at once, which is as good an end.
            if tokio::signal::ctrl_c().await.is_ok() {
                streams.close_streams();
            }
        })
        .await?;
    controllers.shutdown().await;
    Ok(())
}
