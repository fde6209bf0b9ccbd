//! What an account is, as its owner wrote it (the reference's section 7).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spindrift_vault::Zeroizing;

use super::secret::Secret;
use crate::error::CloudError;
use crate::kubernetes::{CustomResource, Kind, KubernetesOptions};

/// The longest kubeconfig, in bytes.
const LARGEST: usize = 256 * 1024;

/// Who wrote a definition, which decides what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// The operator, in the configuration file. It may name files and credential plugins.
    Configuration,
    /// A caller of the API. It may start no process, read no file, and connect only to where the policy of accounts allows.
    Api,
    /// This program itself.
    BuiltIn,
}

/// Who may do what with an account. Nobody is named: everybody may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permissions {
    /// Roles that may look.
    #[serde(rename = "READ")]
    pub read: Vec<String>,
    /// Roles that may change.
    #[serde(rename = "WRITE")]
    pub write: Vec<String>,
    /// Roles that may run.
    #[serde(rename = "EXECUTE")]
    pub execute: Vec<String>,
}

impl Permissions {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty() && self.execute.is_empty()
    }

    /// Whether somebody with these roles may look.
    pub fn may_read(&self, roles: &[String]) -> bool {
        self.is_empty() || shares(&self.read, roles)
    }

    /// Whether somebody with these roles may change something.
    pub fn may_write(&self, roles: &[String]) -> bool {
        self.is_empty() || shares(&self.write, roles)
    }
}

fn shares(allowed: &[String], roles: &[String]) -> bool {
    let has = |role: &String| roles.iter().any(|own| own.eq_ignore_ascii_case(role));
    allowed.iter().any(has)
}

/// An account without its secrets: what is shown, and kept in the clear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountDefinition {
    /// Its name: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What it is for, such as `prod`; its name by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Of what sort it is; its name by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_type: Option<String>,
    /// Who may do what with it.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub permissions: Permissions,
    /// Roles that may do everything with it; looked at when there are no permissions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_group_membership: Vec<String>,
    /// A kubeconfig file; wins over `kubeconfigContents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_file: Option<PathBuf>,
    /// The context of the kubeconfig; its current one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whether it is the cluster in which this program runs, with the credentials of its pod.
    #[serde(default, skip_serializing_if = "is_false")]
    pub service_account: bool,
    /// The URL of the API server, for an account by token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The certificates of its authority (PEM, or PEM in base64), for an account by token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// The namespace of manifests without one; that of the context, or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_namespace: Option<String>,
    /// The only namespaces; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Namespaces that are left alone; not together with `namespaces`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omit_namespaces: Vec<String>,
    /// The only kinds; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Kinds that are left alone; not together with `kinds`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omit_kinds: Vec<String>,
    /// Kinds that this program does not know by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_resources: Vec<CustomResource>,
    /// Whether only objects deployed by Spinnaker or this program are shown.
    #[serde(default, skip_serializing_if = "is_false")]
    pub only_spinnaker_managed: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The secrets of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// A kubeconfig.
    pub kubeconfig: Option<Secret>,
    /// The token of a service account.
    pub token: Option<Secret>,
}

/// How an account's API server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// As a kubeconfig says.
    Kubeconfig {
        /// Its text.
        text: Secret,
        /// The context; its current one by default.
        context: Option<String>,
    },
    /// As a kubeconfig file of the operator says.
    KubeconfigFile {
        /// The file.
        path: PathBuf,
        /// The context; its current one by default.
        context: Option<String>,
    },
    /// With the token of a service account.
    Token {
        /// The URL of the API server.
        server: String,
        /// The token.
        token: Secret,
        /// The certificates of its authority; without them those of the system.
        authority: Option<String>,
    },
    /// With the credentials of the pod in which this program runs.
    InCluster,
}

/// Members of Spinnaker's account definitions that mean nothing here: there is no cache to tune and no `kubectl`.
const WITHOUT_MEANING: [&str; 19] = [
    "@type",
    "type",
    "providerVersion",
    "provider",
    "cloudProvider",
    "cacheThreads",
    "cacheIntervalSeconds",
    "cachingPolicies",
    "cacheAllApplicationRelationships",
    "rawResourcesEndpointConfig",
    "kubectlExecutable",
    "kubectlRequestTimeoutSeconds",
    "checkPermissionsOnStartup",
    "debug",
    "metrics",
    "namingStrategy",
    "dockerRegistries",
    "liveManifestCalls",
    "skin",
];

impl AccountDefinition {
    /// An account of that name and nothing else.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            environment: None,
            account_type: None,
            permissions: Permissions::default(),
            required_group_membership: Vec::new(),
            kubeconfig_file: None,
            context: None,
            service_account: false,
            server: None,
            certificate_authority: None,
            default_namespace: None,
            namespaces: Vec::new(),
            omit_namespaces: Vec::new(),
            kinds: Vec::new(),
            omit_kinds: Vec::new(),
            custom_resources: Vec::new(),
            only_spinnaker_managed: false,
        }
    }

    /// Reads a definition and its secrets. Errors name the member; they never repeat a secret.
    pub fn parse(mut document: Map<String, Value>) -> Result<(Self, Credentials), CloudError> {
        for kind in ["@type", "type", "provider", "cloudProvider"] {
            if let Some(kind) = document.get(kind)
                && kind.as_str() != Some("kubernetes")
            {
                return Err(CloudError::invalid(format!(
                    "an account of type {kind} cannot be bound; there is \"kubernetes\""
                )));
            }
        }
        let credentials = Credentials {
            kubeconfig: take_secret(&mut document, "kubeconfigContents")?,
            token: take_secret(&mut document, "token")?,
        };
        document.retain(|key, _| !WITHOUT_MEANING.contains(&key.as_str()));
        document.retain(|_, value| !value.is_null());
        let definition: Self = serde_json::from_value(Value::Object(document))
            .map_err(|error| CloudError::invalid(format!("the account cannot be read: {error}")))?;
        definition.check()?;
        Ok((definition, credentials))
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), CloudError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || 128 < self.name.len() || !self.name.chars().all(plain) {
            return Err(CloudError::invalid(
                "name: an account's name is 1 to 128 letters, digits, '-', '_' and '.'",
            ));
        }
        let both = |one: &[String], other: &[String]| !one.is_empty() && !other.is_empty();
        if both(&self.namespaces, &self.omit_namespaces) {
            return Err(CloudError::invalid(
                "At most one of 'namespaces' and 'omitNamespaces' can be specified",
            ));
        }
        if both(&self.kinds, &self.omit_kinds) {
            return Err(CloudError::invalid(
                "At most one of 'kinds' and 'omitKinds' can be specified",
            ));
        }
        for (member, kinds) in [("kinds", &self.kinds), ("omitKinds", &self.omit_kinds)] {
            for kind in kinds {
                Kind::parse(kind)
                    .map_err(|error| CloudError::invalid(format!("{member}: {error}")))?;
            }
        }
        for resource in &self.custom_resources {
            Kind::parse(&resource.kubernetes_kind).map_err(|error| {
                CloudError::invalid(format!("customResources.kubernetesKind: {error}"))
            })?;
        }
        Ok(())
    }

    /// How its API server is reached. Errors: it does not say so, or says it twice.
    pub fn access(&self, credentials: &Credentials) -> Result<Access, CloudError> {
        if self.service_account {
            return Ok(Access::InCluster);
        }
        let context = self.context.clone();
        if let Some(path) = &self.kubeconfig_file {
            let path = path.clone();
            return Ok(Access::KubeconfigFile { path, context });
        }
        match (&credentials.kubeconfig, &credentials.token, &self.server) {
            (Some(text), None, None) => Ok(Access::Kubeconfig {
                text: text.clone(),
                context,
            }),
            (None, Some(token), Some(server)) => Ok(Access::Token {
                server: server.clone(),
                token: token.clone(),
                authority: self.certificate_authority.clone(),
            }),
            _ => Err(CloudError::invalid(
                "an account is reached in one of these ways: `kubeconfigContents` (and `context`), `server` and `token` (and `certificateAuthority`), or `serviceAccount: true`",
            )),
        }
    }

    /// What it may touch.
    pub fn options(&self) -> KubernetesOptions {
        KubernetesOptions {
            namespaces: self.namespaces.clone(),
            omit_namespaces: self.omit_namespaces.clone(),
            kinds: self.kinds.clone(),
            omit_kinds: self.omit_kinds.clone(),
            only_spinnaker_managed: self.only_spinnaker_managed,
            custom_resources: self.custom_resources.clone(),
        }
    }

    /// Who may do what with it, also where it is said in the old way.
    pub fn effective_permissions(&self) -> Permissions {
        if !self.permissions.is_empty() || self.required_group_membership.is_empty() {
            return self.permissions.clone();
        }
        let roles = &self.required_group_membership;
        Permissions {
            read: roles.clone(),
            write: roles.clone(),
            execute: roles.clone(),
        }
    }
}

impl Credentials {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kubeconfig.is_none() && self.token.is_none()
    }

    /// All of them as one text, to be sealed.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let member = |secret: &Option<Secret>| secret.as_ref().map(|s| s.expose().to_owned());
        let pair = Zeroizing::new([member(&self.kubeconfig), member(&self.token)]);
        // Texts and nothing always have a JSON form.
        Zeroizing::new(serde_json::to_vec(pair.as_slice()).unwrap_or_default())
    }

    /// The reverse of [`Credentials::encode`].
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let [kubeconfig, token]: [Option<String>; 2] = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            kubeconfig: kubeconfig.map(Secret::new),
            token: token.map(Secret::new),
        })
    }
}

/// Takes a secret out of a document, so that no message about the rest can repeat it.
fn take_secret(document: &mut Map<String, Value>, key: &str) -> Result<Option<Secret>, CloudError> {
    match document.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if LARGEST < text.len() => Err(CloudError::invalid(format!(
            "{key}: it has {} bytes; at most {LARGEST} are accepted",
            text.len()
        ))),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(Secret::new(text))),
        Some(_) => Err(CloudError::invalid(format!("{key} is a text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(document: Value) -> Result<(AccountDefinition, Credentials), String> {
        let document = document.as_object().unwrap().clone();
        AccountDefinition::parse(document).map_err(|error| error.message)
    }

    #[test]
    fn definitions_of_spinnaker_are_understood() {
        let (definition, credentials) = parse(json!({
            "@type": "kubernetes", "name": "prod", "cacheThreads": 3, "kubeconfigContents": "apiVersion: v1",
            "context": "c", "namespaces": ["a"], "omitKinds": ["podPreset"], "permissions": {"READ": ["dev"], "WRITE": ["ops"]},
            "customResources": [{"kubernetesKind": "Rollout.argoproj.io", "versioned": true}], "dockerRegistries": [],
        }))
        .unwrap();
        assert_eq!(definition.namespaces, ["a"]);
        assert!(definition.permissions.may_read(&["DEV".to_owned()]));
        assert!(!definition.permissions.may_write(&["dev".to_owned()]));
        assert!(definition.custom_resources[0].versioned);
        assert!(matches!(
            definition.access(&credentials),
            Ok(Access::Kubeconfig { context: Some(context), .. }) if context == "c"
        ));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_no_secret_is_repeated() {
        let table = [
            (json!({"name": ""}), "name:"),
            (json!({"name": "a b"}), "name:"),
            (json!({"name": "a", "type": "aws"}), "\"aws\""),
            (
                json!({"name": "a", "namespaces": ["x"], "omitNamespaces": ["y"]}),
                "At most one of 'namespaces'",
            ),
            (
                json!({"name": "a", "kinds": ["pod"], "omitKinds": ["pod"]}),
                "At most one of 'kinds'",
            ),
            (json!({"name": "a", "kinds": ["a b"]}), "kinds:"),
            (json!({"name": "a", "namespace": "x"}), "namespace"),
            (json!({"name": "a", "token": 5}), "token is a text"),
            (
                json!({"name": "a", "namespaces": "s3cret", "token": "s3cret-t"}),
                "namespaces",
            ),
        ];
        for (document, part) in table {
            let message = match parse(document.clone()) {
                Err(message) => message,
                Ok(_) => panic!("{document} was accepted"),
            };
            assert!(
                message.contains(part) || message.contains("cannot be read"),
                "{message}"
            );
            assert!(!message.contains("s3cret-t"), "{message}");
        }
        let (definition, credentials) =
            parse(json!({"name": "a", "server": "https://k8s", "kubeconfigContents": "x"}))
                .unwrap();
        assert!(definition.access(&credentials).is_err());
        assert!(!format!("{credentials:?}").contains('x'));
    }

    #[test]
    fn secrets_survive_their_encoding() {
        let credentials = Credentials {
            kubeconfig: None,
            token: Some(Secret::new("t\"1")),
        };
        assert_eq!(
            Credentials::decode(&credentials.encode()),
            Some(credentials)
        );
    }
}
