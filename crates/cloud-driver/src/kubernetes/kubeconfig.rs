//! Kubeconfigs from people who may be hostile.
//!
//! A kubeconfig can name programs to run and files to read. Who may only call the API must not make this program do either, so such a kubeconfig is
//! refused before anything of it is used. What is kept of one is the chosen context with its cluster and user.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{Cluster, Context, Kubeconfig, KubeconfigError};

use crate::error::CloudError;

/// Reads a kubeconfig and picks a context. Errors tell the place of a mistake and never repeat the text.
pub(crate) fn pick(text: &str, context: Option<&str>) -> Result<Kubeconfig, CloudError> {
    let kubeconfig = Kubeconfig::from_yaml(text).map_err(unreadable)?;
    reduce(kubeconfig, context)
}

/// A context of a kubeconfig file as a text that needs no other file: certificates and tokens that it names are put into it.
///
/// For a person who sends a kubeconfig of their own machine to a server.
pub fn portable_kubeconfig(path: &Path, context: Option<&str>) -> Result<String, CloudError> {
    let mut picked = reduce(Kubeconfig::read_from(path).map_err(unreadable)?, context)?;
    for cluster in picked
        .clusters
        .iter_mut()
        .filter_map(|c| c.cluster.as_mut())
    {
        embed(
            &mut cluster.certificate_authority,
            &mut cluster.certificate_authority_data,
        )?;
    }
    for user in picked
        .auth_infos
        .iter_mut()
        .filter_map(|u| u.auth_info.as_mut())
    {
        embed(
            &mut user.client_certificate,
            &mut user.client_certificate_data,
        )?;
        if let Some(file) = user.client_key.take()
            && user.client_key_data.is_none()
        {
            user.client_key_data = Some(STANDARD.encode(read(&file)?).into());
        }
        if let Some(file) = user.token_file.take()
            && user.token.is_none()
        {
            let token = String::from_utf8(read(&file)?).map_err(|_| {
                CloudError::invalid(format!(
                    "the file {file}, which the kubeconfig names, is no text"
                ))
            })?;
            user.token = Some(token.trim().to_owned().into());
        }
    }
    serde_json::to_string(&picked)
        .map_err(|_| CloudError::invalid("the kubeconfig cannot be written down again"))
}

/// Puts what a file holds in the place of its name.
fn embed(file: &mut Option<String>, data: &mut Option<String>) -> Result<(), CloudError> {
    if let Some(file) = file.take().filter(|_| data.is_none()) {
        *data = Some(STANDARD.encode(read(&file)?));
    }
    Ok(())
}

fn read(file: &str) -> Result<Vec<u8>, CloudError> {
    std::fs::read(file).map_err(|error| {
        CloudError::invalid(format!(
            "the file {file}, which the kubeconfig names, cannot be read: {error}"
        ))
    })
}

/// The reason why a kubeconfig cannot be read, without its text.
pub(crate) fn unreadable(error: KubeconfigError) -> CloudError {
    let reason = match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(location) => format!(
                "it is not the YAML of a kubeconfig, at line {} column {}",
                location.line(),
                location.column()
            ),
            None => "it is not the YAML of a kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(error, path) => {
            format!("the file {} cannot be read: {error}", path.display())
        }
        KubeconfigError::ParseCertificates(_) => "its certificates are not PEM".to_owned(),
        KubeconfigError::LoadCertificateAuthority(_) => {
            "its certificate-authority cannot be loaded".to_owned()
        }
        KubeconfigError::LoadClientCertificate(_) => {
            "its client-certificate cannot be loaded".to_owned()
        }
        KubeconfigError::LoadClientKey(_) => "its client-key cannot be loaded".to_owned(),
        other => other.to_string(),
    };
    CloudError::invalid(format!("the kubeconfig cannot be used: {reason}"))
}

/// What a context needs and nothing else, as its current context.
pub(crate) fn reduce(
    mut kubeconfig: Kubeconfig,
    context: Option<&str>,
) -> Result<Kubeconfig, CloudError> {
    let known = |names: Vec<&str>| match names.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are {}", names.join(", ")),
    };
    let name = match context.or(kubeconfig.current_context.as_deref()) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => {
            return Err(CloudError::invalid(format!(
                "the kubeconfig has no current-context; name one in `context`: {}",
                known(
                    kubeconfig
                        .contexts
                        .iter()
                        .map(|c| c.name.as_str())
                        .collect()
                )
            )));
        }
    };
    kubeconfig.contexts.retain({
        let all: Vec<String> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
        if !all.contains(&name) {
            return Err(CloudError::invalid(format!(
                "the kubeconfig has no context {name:?}; {}",
                known(all.iter().map(String::as_str).collect())
            )));
        }
        let name = name.clone();
        move |context| context.name == name
    });
    kubeconfig.contexts.truncate(1);
    let chosen = kubeconfig.contexts.first().and_then(|c| c.context.clone());
    let Context { cluster, user, .. } = chosen.ok_or_else(|| {
        CloudError::invalid(format!("the context {name:?} of the kubeconfig is empty"))
    })?;
    kubeconfig.clusters.retain(|other| other.name == cluster);
    kubeconfig.clusters.truncate(1);
    if kubeconfig.clusters.is_empty() {
        return Err(CloudError::invalid(format!(
            "the kubeconfig has no cluster {cluster:?}, which its context {name:?} names"
        )));
    }
    kubeconfig
        .auth_infos
        .retain(|other| Some(&other.name) == user.as_ref());
    kubeconfig.auth_infos.truncate(1);
    kubeconfig.current_context = Some(name);
    kubeconfig.preferences = None;
    kubeconfig.extensions = None;
    Ok(kubeconfig)
}

/// Refuses a reduced kubeconfig that would start a process or read a file.
pub(crate) fn check_harmless(kubeconfig: &Kubeconfig) -> Result<(), CloudError> {
    let refused = |member: &str, what: &str| {
        Err(CloudError::invalid(format!(
            "the kubeconfig has `{member}`, which would {what}; only the operator's configuration file may ask for that"
        )))
    };
    for user in kubeconfig
        .auth_infos
        .iter()
        .filter_map(|named| named.auth_info.as_ref())
    {
        if user.exec.is_some() {
            return refused("exec", "start a program of this machine");
        }
        if user.auth_provider.is_some() {
            return refused("auth-provider", "start a program of this machine");
        }
        let files = [
            ("tokenFile", &user.token_file),
            ("client-certificate", &user.client_certificate),
            ("client-key", &user.client_key),
        ];
        if let Some((member, _)) = files.iter().find(|(_, file)| is_set(file)) {
            return refused(member, "read a file of this machine; embed its contents");
        }
    }
    for cluster in clusters(kubeconfig) {
        if is_set(&cluster.certificate_authority) {
            return refused(
                "certificate-authority",
                "read a file of this machine; embed its contents as certificate-authority-data",
            );
        }
    }
    Ok(())
}

/// Refuses a proxy: behind one, addresses cannot be checked, and this program speaks to none.
pub(crate) fn check_direct(kubeconfig: &Kubeconfig) -> Result<(), CloudError> {
    match clusters(kubeconfig).any(|cluster| is_set(&cluster.proxy_url)) {
        true => Err(CloudError::invalid(
            "the kubeconfig has `proxy-url`; clusters are reached without proxies",
        )),
        false => Ok(()),
    }
}

/// The server of a reduced kubeconfig.
pub(crate) fn server(kubeconfig: &Kubeconfig) -> Option<&str> {
    clusters(kubeconfig).find_map(|cluster| cluster.server.as_deref())
}

fn clusters(kubeconfig: &Kubeconfig) -> impl Iterator<Item = &Cluster> {
    kubeconfig
        .clusters
        .iter()
        .filter_map(|named| named.cluster.as_ref())
}

fn is_set(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cluster: &str, user: &str) -> String {
        format!(
            r#"{{"apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{{"name": "c", "cluster": {{"server": "https://k8s.example.com"{cluster}}}}}, {{"name": "d", "cluster": {{"server": "https://other", "certificate-authority": "/etc/passwd"}}}}],
            "users": [{{"name": "u", "user": {{"token": "s3cret"{user}}}}}, {{"name": "v", "user": {{"exec": {{"command": "evil"}}}}}}],
            "contexts": [{{"name": "one", "context": {{"cluster": "c", "user": "u"}}}}, {{"name": "two", "context": {{"cluster": "d", "user": "v"}}}}]}}"#
        )
    }

    #[test]
    fn only_the_chosen_context_counts_and_is_kept() {
        let kept = pick(&text("", ""), None).unwrap();
        assert_eq!(check_harmless(&kept), Ok(()));
        assert_eq!(server(&kept), Some("https://k8s.example.com"));
        assert_eq!((kept.clusters.len(), kept.auth_infos.len()), (1, 1));
        let other = pick(&text("", ""), Some("two")).unwrap();
        assert!(check_harmless(&other).is_err());
    }

    #[test]
    fn programs_files_and_proxies_are_refused() {
        let users = [
            (
                r#", "exec": {"command": "sh", "args": ["-c", "id"]}"#,
                "`exec`",
            ),
            (r#", "auth-provider": {"name": "gcp"}"#, "`auth-provider`"),
            (r#", "tokenFile": "/etc/shadow""#, "`tokenFile`"),
            (r#", "client-certificate": "/a""#, "`client-certificate`"),
            (r#", "client-key": "/a""#, "`client-key`"),
        ];
        for (user, member) in users {
            let kept = pick(&text("", user), None).unwrap();
            let message = check_harmless(&kept).unwrap_err().message;
            assert!(message.contains(member), "{message}");
        }
        let authority = pick(&text(r#", "certificate-authority": "/a""#, ""), None).unwrap();
        assert!(check_harmless(&authority).is_err());
        let proxy = pick(&text(r#", "proxy-url": "http://p""#, ""), None).unwrap();
        assert!(check_direct(&proxy).is_err());
    }

    #[test]
    fn files_are_put_into_a_kubeconfig_that_travels() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        write("ca.crt", "CA");
        write("client.key", "KEY");
        let user = r#", "client-key": "client.key""#;
        let config = write(
            "config",
            &text(r#", "certificate-authority": "ca.crt""#, user),
        );
        let portable = portable_kubeconfig(&config, None).unwrap();
        let read = pick(&portable, None).unwrap();
        assert_eq!(check_harmless(&read), Ok(()));
        let cluster = read.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("Q0E="));
        assert!(portable.contains("S0VZ") && portable.contains("s3cret"));
        let lost = write("lost", &text(r#", "certificate-authority": "nowhere""#, ""));
        assert!(portable_kubeconfig(&lost, None).is_err());
    }

    #[test]
    fn a_broken_kubeconfig_is_not_repeated() {
        for broken in [
            "token: s3cret\n  x: [",
            "users: s3cret",
            "s3cret",
            r#"{"users": [{"name": "u", "user": {"token": ["s3cret"]}}]}"#,
        ] {
            let message = pick(broken, None).unwrap_err().message;
            assert!(!message.contains("s3cret"), "{message}");
        }
        let message = pick(&text("", ""), Some("three")).unwrap_err().message;
        assert_eq!(
            message,
            "the kubeconfig has no context \"three\"; there are one, two"
        );
    }
}
