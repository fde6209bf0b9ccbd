//! The controllers: small reconcilers over one queue.

pub(crate) mod cron;

pub(crate) async fn run(cluster: std::sync::Arc<crate::cluster::Cluster>) {
    cluster.closing.cancelled().await;
}
