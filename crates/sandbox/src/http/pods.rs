//! Subresources of pods: log, eviction and binding.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::options::Params;
use super::path::Info;
use super::{Call, Reply, body, read};
use crate::api::{self, DeleteOptions, Part, Place, WriteOptions};
use crate::cluster::Cluster;
use crate::json::Json;
use crate::kinds::Kind;
use crate::logs::Line;
use crate::selector::LabelSelector;
use crate::status::{Cause, Status};

pub(super) fn log(call: &Call<'_>, kind: &Kind, info: &Info) -> Result<Reply, Status> {
    let pod = read::find(call, kind, info)?;
    let container = container(call.params, &pod)?;
    let style = Style::of(call.params);
    if call.params.flag("previous") {
        let lines = call
            .cluster
            .logs
            .previous(pod.uid(), &container)
            .ok_or_else(|| {
                Status::bad_request(format!(
                    "previous terminated container \"{container}\" in pod \"{}\" not found",
                    pod.name()
                ))
            })?;
        return Ok(Reply::Stream(text(Body::from(
            style.render(&style.tail(lines, call.cluster)),
        ))));
    }
    refuse_if_waiting(&pod, &container)?;
    let excerpt = call.cluster.logs.excerpt(pod.uid(), &container, 0, true);
    let next = excerpt.lines.last().map_or(0, |line| line.number + 1);
    let lines = style.tail(excerpt.lines, call.cluster);
    if !call.params.flag("follow") || excerpt.ended {
        return Ok(Reply::Stream(text(Body::from(style.render(&lines)))));
    }
    let follow = Follow {
        changes: call.cluster.logs.changes(),
        cluster: call.cluster.clone(),
        uid: pod.uid().to_owned(),
        container,
        next,
        style,
        first: Some(lines),
        ended: false,
    };
    let stream = futures::stream::unfold(follow, async |mut follow| {
        let text = follow.next().await?;
        Some((Ok::<_, std::convert::Infallible>(text), follow))
    });
    Ok(Reply::Stream(text(Body::from_stream(stream))))
}

fn text(body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// The container asked for, or the only one.
fn container(params: &Params, pod: &Value) -> Result<String, Status> {
    let names = |list: &str| {
        pod.items(&["spec", list])
            .iter()
            .map(|container| container.text(&["name"]).to_owned())
            .collect::<Vec<_>>()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    match params.text("container") {
        "" if main.len() == 1 => Ok(main.concat()),
        "" => {
            let known = if init.is_empty() {
                format!("[{}]", main.join(" "))
            } else {
                format!(
                    "[{}] or one of the init containers: [{}]",
                    main.join(" "),
                    init.join(" ")
                )
            };
            Err(Status::bad_request(format!(
                "a container name must be specified for pod {}, choose one of: {known}",
                pod.name()
            )))
        }
        name if main.iter().chain(&init).any(|known| known == name) => Ok(name.to_owned()),
        name => Err(Status::bad_request(format!(
            "container {name} is not valid for pod {}",
            pod.name()
        ))),
    }
}

/// A container that has not started has no log.
fn refuse_if_waiting(pod: &Value, container: &str) -> Result<(), Status> {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let status = lists
        .iter()
        .flat_map(|list| pod.items(&["status", list]))
        .find(|status| status.text(&["name"]) == container);
    let waiting = status
        .and_then(|status| status.at(&["state", "waiting", "reason"]))
        .and_then(Value::as_str);
    let restarted = status.is_some_and(|status| status.int(&["restartCount"]).unwrap_or(0) > 0);
    let why = match (status, waiting) {
        (None, _) => "ContainerCreating",
        (_, Some(reason)) if !restarted => reason,
        _ => return Ok(()),
    };
    let pulling = matches!(why, "ImagePullBackOff" | "ErrImagePull");
    let why = if pulling {
        "trying and failing to pull image".to_owned()
    } else {
        format!("waiting to start: {why}")
    };
    let verb = if pulling { "waiting to start: " } else { "" };
    Err(Status::bad_request(format!(
        "container \"{container}\" in pod \"{}\" is {verb}{why}",
        pod.name()
    )))
}

#[derive(Debug, Clone)]
struct Style {
    timestamps: bool,
    tail: Option<usize>,
    since: Option<chrono::TimeDelta>,
    limit: Option<usize>,
}

impl Style {
    fn of(params: &Params) -> Self {
        let size = |name: &str| {
            params
                .int(name)
                .and_then(|number| usize::try_from(number).ok())
        };
        Self {
            timestamps: params.flag("timestamps"),
            tail: size("tailLines"),
            since: params
                .int("sinceSeconds")
                .and_then(chrono::TimeDelta::try_seconds),
            limit: size("limitBytes"),
        }
    }

    fn tail(&self, mut lines: Vec<Line>, cluster: &Cluster) -> Vec<Line> {
        if let Some(since) = self.since {
            let from = cluster.clock.now() - since;
            lines.retain(|line| line.at >= from);
        }
        let surplus = self.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        lines.split_off(surplus)
    }

    fn render(&self, lines: &[Line]) -> String {
        let mut out = String::new();
        for line in lines {
            if self.timestamps {
                out.push_str(&line.at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true));
                out.push(' ');
            }
            out.push_str(&line.text);
            out.push('\n');
        }
        if let Some(limit) = self.limit.filter(|limit| *limit < out.len()) {
            let end = (0..=limit)
                .rev()
                .find(|end| out.is_char_boundary(*end))
                .unwrap_or(0);
            out.truncate(end);
        }
        out
    }
}

struct Follow {
    cluster: Arc<Cluster>,
    uid: String,
    container: String,
    next: u64,
    style: Style,
    first: Option<Vec<Line>>,
    changes: watch::Receiver<u64>,
    ended: bool,
}

impl Follow {
    async fn next(&mut self) -> Option<String> {
        if let Some(lines) = self.first.take().filter(|lines| !lines.is_empty()) {
            return Some(self.style.render(&lines));
        }
        while !self.ended {
            self.changes.borrow_and_update();
            let excerpt = self
                .cluster
                .logs
                .excerpt(&self.uid, &self.container, self.next, true);
            self.ended = excerpt.ended;
            if let Some(last) = excerpt.lines.last() {
                self.next = last.number + 1;
                return Some(self.style.render(&excerpt.lines));
            }
            if self.ended {
                break;
            }
            tokio::select! {
                () = self.cluster.closing.cancelled() => break,
                changed = self.changes.changed() => if changed.is_err() { break },
            }
        }
        None
    }
}

/// An eviction is a deletion that disruption budgets can refuse.
pub(super) async fn evict(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let document = body::optional(call.headers, body).await?;
    let grace = document.int(&["deleteOptions", "gracePeriodSeconds"]);
    let options = DeleteOptions {
        dry_run: call.params.dry_run(),
        grace,
        ..DeleteOptions::default()
    };
    call.cluster.store.write(|state| {
        let pod = state
            .get("pods", &info.namespace, &info.name)
            .cloned()
            .ok_or_else(|| Status::not_found(kind, &info.name))?;
        let guards = state.list("poddisruptionbudgets.policy", Some(&info.namespace));
        let closed = guards.filter(|budget| {
            LabelSelector::from_value(budget.at(&["spec", "selector"]))
                .is_some_and(|selector| selector.matches(&pod))
        });
        if let Some(budget) = closed
            .into_iter()
            .find(|budget| budget.int(&["status", "disruptionsAllowed"]).unwrap_or(0) <= 0)
        {
            let mut status = Status::new(
                429,
                "TooManyRequests",
                "Cannot evict pod as it would violate the pod's disruption budget.",
            );
            let text = format!(
                "The disruption budget {} needs more healthy pods",
                budget.name()
            );
            status = status.with_cause(Cause {
                reason: "DisruptionBudget",
                message: text,
                field: String::new(),
            });
            return Err(status);
        }
        api::delete(
            call.cluster,
            state,
            kind,
            Place {
                namespace: &info.namespace,
                name: &info.name,
            },
            &options,
        )
    })?;
    Ok(Reply::Document {
        code: 201,
        value: json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
            .into(),
        warnings: Vec::new(),
    })
}

/// A scheduler of the caller's own puts a pod on a node.
pub(super) async fn bind(
    call: &Call<'_>,
    kind: &Kind,
    info: &Info,
    body: Body,
) -> Result<Reply, Status> {
    let document = body::document(call.headers, body).await?;
    let node = document.text(&["target", "name"]).to_owned();
    call.cluster.store.write(|state| {
        let place = Place {
            namespace: &info.namespace,
            name: &info.name,
        };
        api::update(
            call.cluster,
            state,
            kind,
            place,
            Part::Main,
            WriteOptions::default(),
            |pod| {
                if !pod.text(&["spec", "nodeName"]).is_empty() {
                    return Err(Status::conflict(
                        kind,
                        pod.name(),
                        "pod is already assigned to a node",
                    ));
                }
                let mut pod = pod.clone();
                pod.put(&["spec", "nodeName"], node);
                Ok(pod)
            },
        )
    })?;
    Ok(Reply::Document {
        code: 201,
        value: json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
            .into(),
        warnings: Vec::new(),
    })
}
