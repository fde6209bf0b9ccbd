//! Every published event we have: which handler takes it, and the words a person would read in it.

use std::path::Path;

use spindrift_triggers::{
    Delivery, Detail, Event, Headers, PullRequest, RefKind, Templates, interpret, recognise,
};

fn line(event: &Event) -> String {
    let artifacts: Vec<String> = event
        .artifacts
        .iter()
        .map(|artifact| {
            artifact
                .reference
                .clone()
                .or_else(|| artifact.name.clone())
                .unwrap_or_default()
        })
        .collect();
    let text = match &event.detail {
        Detail::Git(git) => {
            let names: Vec<String> = git.names.iter().map(ToString::to_string).collect();
            let kind = match git.ref_kind {
                RefKind::Branch => "branch",
                RefKind::Tag => "tag",
            };
            let request = git.pull_request.as_ref().map(
                |PullRequest {
                     number,
                     title,
                     state,
                     draft,
                 }| {
                    format!(" request #{number} {state:?} draft={draft:?} {title:?}")
                },
            );
            format!(
                "{} {kind} {} hash {} action {:?}{}",
                names.join(" = "),
                git.branch,
                git.hash,
                git.action,
                request.unwrap_or_default()
            )
        }
        Detail::Image(image) => format!("image {} digest {:?}", image.reference(), image.digest),
        Detail::CdEvent(event) => format!(
            "{} subject {} artifact {:?}",
            event.kind, event.subject, event.artifact
        ),
        Detail::Pubsub(message) => format!(
            "{} {} id {:?} payload {} attributes {:?}",
            message.system,
            message.subscription,
            message.message_id,
            message.payload,
            message.attributes
        ),
        other => format!("{other:?}"),
    };
    match artifacts.is_empty() {
        true => text,
        false => format!("{text}\n        artifacts {}", artifacts.join(" ")),
    }
}

fn describe(text: &[u8]) -> String {
    let body = match serde_json::from_slice(text) {
        Ok(body) => body,
        Err(error) => return format!("refused: {error}"),
    };
    let (kind, source) = recognise(&Headers::default(), &body).route();
    let outcome = interpret(&Delivery::new(kind, &source, text), &Templates::default());
    let outcome = match outcome {
        Err(error) => format!("refused: {error}"),
        Ok(found) => match found.ignored {
            Some(reason) => format!("ignored: {reason}"),
            None => found
                .events
                .iter()
                .map(line)
                .collect::<Vec<_>>()
                .join("\n    "),
        },
    };
    format!("{kind}/{source}\n    {outcome}")
}

#[test]
fn every_published_event_is_read_as_a_person_reads_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real-inputs/events");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 117, "only {} events were found", paths.len());
    let lines: Vec<String> = paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            format!("{name}: {}", describe(&std::fs::read(path).unwrap()))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
