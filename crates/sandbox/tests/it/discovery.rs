//! Versions, groups and kinds.

use kube::Discovery;
use kube::discovery::Scope;

use crate::support::{over_tcp, world};

#[tokio::test]
async fn a_client_finds_kinds_in_process_and_over_tcp() {
    let world = world();
    for client in [world.client.clone(), over_tcp(&world.sandbox).await] {
        let version = client.apiserver_version().await.unwrap();
        assert_eq!(
            (version.major.as_str(), version.minor.as_str()),
            ("1", "33")
        );
        for discovery in [
            Discovery::new(client.clone()).run().await.unwrap(),
            Discovery::new(client.clone())
                .run_aggregated()
                .await
                .unwrap(),
        ] {
            let find = |group: &str, version: &str, kind: &str| {
                discovery.resolve_gvk(&kube::core::GroupVersionKind::gvk(group, version, kind))
            };
            let (resource, capabilities) = find("apps", "v1", "Deployment").unwrap();
            assert_eq!(
                (resource.plural.as_str(), capabilities.scope),
                ("deployments", Scope::Namespaced)
            );
            let subresources: Vec<_> = capabilities
                .subresources
                .iter()
                .map(|(resource, _)| resource.plural.clone())
                .collect();
            assert!(
                subresources.iter().any(|name| name.ends_with("scale")),
                "{subresources:?}"
            );
            let (resource, capabilities) = find("", "v1", "Namespace").unwrap();
            assert_eq!(
                (resource.plural.as_str(), capabilities.scope),
                ("namespaces", Scope::Cluster)
            );
            assert!(find("autoscaling", "v1", "HorizontalPodAutoscaler").is_some());
        }
    }
}
