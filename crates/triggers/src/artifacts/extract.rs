//! The artifacts of an event (Echo's `echo-artifacts`).

use spindrift_model::{Artifact, Map, Value};

use super::template::Templates;
use crate::events::git::{GitEvent, GitProvider};
use crate::events::registry::RegistryKind;
use crate::events::{Detail, HelmEvent, json, registry};

/// The artifacts an event brings: those its body lists itself, else those its source is known for.
pub fn extract(
    source: &str,
    detail: &Detail,
    payload: &Value,
    templates: &Templates,
) -> Vec<Artifact> {
    let place = match detail {
        Detail::CdEvent(_) => payload.get("customData").unwrap_or(payload),
        _ => payload,
    };
    let listed = listed(place);
    if !listed.is_empty() {
        return listed;
    }
    let mut found = match detail {
        Detail::Git(event) => files(event, payload),
        Detail::Image(image) => vec![image.artifact()],
        Detail::Helm(chart) => vec![helm(chart)],
        Detail::Pubsub(message) => from_message(&message.payload),
        Detail::Webhook | Detail::CdEvent(_) => from_source(source, payload),
        Detail::Build(_) | Detail::Artifactory(_) | Detail::Nexus(_) | Detail::Plugin => Vec::new(),
    };
    if let Some(template) = templates.get(source) {
        // A template that fails brings nothing; what was found without it stays.
        found.extend(template.render(payload).unwrap_or_default());
    }
    found
}

fn listed(place: &Value) -> Vec<Artifact> {
    let content = json::list(place, &["content", "artifacts"]);
    let list = match json::list(place, &["artifacts"]) {
        [] => content,
        list => list,
    };
    list.iter()
        .filter_map(|value| serde_json::from_value(value.clone()).ok())
        .collect()
}

fn from_source(source: &str, payload: &Value) -> Vec<Artifact> {
    let Some(registry) = RegistryKind::of_source(source, payload) else {
        return Vec::new();
    };
    let images = registry.read(payload).unwrap_or_default();
    images.iter().map(registry::ImageEvent::artifact).collect()
}

fn files(event: &GitEvent, payload: &Value) -> Vec<Artifact> {
    let file = |name: &String| -> Option<Artifact> {
        let (kind, reference) = match event.provider {
            GitProvider::GitHub => ("github/file", github_reference(payload, name)),
            GitProvider::GitLab => ("gitlab/file", gitlab_reference(payload, name)),
            _ => return None,
        };
        Some(Artifact {
            kind: Some(kind.to_owned()),
            name: Some(name.clone()),
            version: Some(event.hash.clone()),
            location: None,
            reference,
            rest: Map::new(),
        })
    };
    event.files.iter().filter_map(file).collect()
}

fn github_reference(payload: &Value, file: &str) -> Option<String> {
    let template = json::filled(payload, &["repository", "contents_url"])?;
    Some(template.replace("{+path}", file))
}

/// GitLab's own API address of the file; the base is what precedes the project's path in its home page.
fn gitlab_reference(payload: &Value, file: &str) -> Option<String> {
    const ALL: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.');
    let path = json::filled(payload, &["project", "path_with_namespace"])?;
    let home = json::filled(payload, &["project", "homepage"])
        .or_else(|| json::filled(payload, &["project", "web_url"]))?;
    let base = home.strip_suffix(&path)?.trim_end_matches('/');
    let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, ALL).to_string();
    Some(format!(
        "{base}/api/v4/projects/{}/repository/files/{}/raw",
        encoded(&path),
        encoded(file)
    ))
}

fn helm(chart: &HelmEvent) -> Artifact {
    let metadata = Map::from_iter([("digest".to_owned(), Value::from(chart.digest.as_str()))]);
    Artifact {
        kind: Some("helm/chart".to_owned()),
        name: Some(chart.chart.clone()),
        version: Some(chart.version.clone()),
        location: None,
        reference: Some(chart.account.clone()),
        rest: Map::from_iter([("metadata".to_owned(), metadata.into())]),
    }
}

/// Messages whose form says what they are about: GCR, Cloud Storage, S3, Cloud Build.
fn from_message(payload: &Value) -> Vec<Artifact> {
    if let Ok(images) = registry::read_gcr(payload) {
        // Echo refers to these by digest.
        let by_digest = |image: &registry::ImageEvent| {
            let mut artifact = image.artifact();
            if let Some(digest) = &image.digest {
                artifact.reference = Some(format!("{}@{digest}", image.name()));
                artifact.version = Some(digest.clone());
            }
            artifact
        };
        return images.iter().map(by_digest).collect();
    }
    if json::filled(payload, &["kind"]).as_deref() == Some("storage#object") {
        return cloud_storage(payload).into_iter().collect();
    }
    let records = json::list(payload, &["Records"]);
    if !records.is_empty() {
        return records.iter().filter_map(s3).collect();
    }
    let images = json::list(payload, &["results", "images"]);
    images.iter().filter_map(cloud_build).collect()
}

fn cloud_storage(object: &Value) -> Option<Artifact> {
    let (bucket, name) = (
        json::filled(object, &["bucket"])?,
        json::filled(object, &["name"])?,
    );
    let address = format!("gs://{bucket}/{name}");
    let generation = json::filled(object, &["generation"]);
    Some(Artifact {
        kind: Some("gcs/object".to_owned()),
        name: Some(address.clone()),
        reference: Some(match &generation {
            Some(generation) => format!("{address}#{generation}"),
            None => address,
        }),
        version: generation,
        location: None,
        rest: Map::new(),
    })
}

fn s3(record: &Value) -> Option<Artifact> {
    let bucket = json::filled(record, &["s3", "bucket", "name"])?;
    let key = json::filled(record, &["s3", "object", "key"])?;
    let address = format!("s3://{bucket}/{key}");
    Some(Artifact {
        kind: Some("s3/object".to_owned()),
        name: Some(address.clone()),
        version: json::filled(record, &["s3", "object", "versionId"]),
        location: None,
        reference: Some(address),
        rest: Map::new(),
    })
}

fn cloud_build(image: &Value) -> Option<Artifact> {
    let name = json::filled(image, &["name"])?;
    // A colon before the last slash belongs to a port.
    let (bare, tag) = match name.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => (bare.to_owned(), Some(tag.to_owned())),
        _ => (name.clone(), None),
    };
    let digest = json::filled(image, &["digest"]);
    Some(Artifact {
        kind: Some("docker/image".to_owned()),
        version: digest.clone().or(tag),
        location: None,
        reference: Some(digest.map_or(name, |digest| format!("{bare}@{digest}"))),
        name: Some(bare),
        rest: Map::new(),
    })
}
