//! Events of hosts and registries of which no published one is at hand, in the form their documentation gives.

use base64::Engine as _;
use serde_json::{Value, json};
use spindrift_triggers::{Delivery, Detail, Headers, Templates, interpret};

fn read(kind: &str, source: &str, headers: &[(&str, &str)], body: &Value) -> String {
    let delivery = Delivery::new(kind, source, body.to_string())
        .with_headers(Headers::new(headers.iter().copied()));
    let interpreted = interpret(&delivery, &Templates::default()).unwrap();
    if let Some(reason) = interpreted.ignored {
        return format!("ignored: {reason}");
    }
    let line = |event: &spindrift_triggers::Event| match &event.detail {
        Detail::Git(git) => {
            let names: Vec<String> = git.names.iter().map(ToString::to_string).collect();
            format!(
                "{} {} {} {}",
                names.join(" = "),
                git.branch,
                git.hash,
                git.action
            )
        }
        Detail::Image(image) => format!(
            "{} {}",
            image.reference(),
            image.digest.as_deref().unwrap_or("-")
        ),
        other => panic!("{other:?}"),
    };
    interpreted
        .events
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn images() {
    let gcr =
        json!({"action": "INSERT", "digest": "gcr.io/p/app@sha256:ab", "tag": "gcr.io/p/app:v1"});
    let message = base64::engine::general_purpose::STANDARD.encode(gcr.to_string());
    let ecr = json!({
        "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "123", "region": "us-east-1",
        "detail": {"result": "SUCCESS", "repository-name": "org/app", "image-digest": "sha256:ab", "action-type": "PUSH", "image-tag": "v1"}
    });
    let aliyun = json!({
        "push_data": {"digest": "sha256:ab", "pushed_at": "2016-11-04 15:28:28", "tag": "v1"},
        "repository": {"name": "app", "namespace": "org", "region": "cn-hangzhou", "repo_full_name": "org/app", "repo_type": "PRIVATE"}
    });
    let mut tencent = aliyun.clone();
    tencent["repository"]["region"] = "ap-guangzhou".into();
    let harbor = |kind: &str| {
        json!({
            "type": kind, "occur_at": 1, "operator": "admin",
            "event_data": {
                "resources": [{"digest": "sha256:ab", "tag": "v1", "resource_url": "harbor.example:8443/org/app:v1"}],
                "repository": {"name": "app", "namespace": "org", "repo_full_name": "org/app", "repo_type": "private"}
            }
        })
    };
    let harbor_cloud_event = json!({
        "specversion": "1.0", "id": "1", "source": "/projects/1/webhook/policies/1", "type": "harbor.artifact.pushed",
        "data": {
            "resources": [{"digest": "sha256:ab", "tag": "v1", "resource_url": "harbor.example/org/app:v1"}],
            "repository": {"name": "app", "namespace": "org", "repo_full_name": "org/app"}
        }
    });
    let quay = json!({"name": "app", "repository": "org/app", "namespace": "org", "docker_url": "quay.io/org/app", "homepage": "https://quay.io/repository/org/app", "updated_tags": ["v1", "latest"]});
    let oci = json!({"events": [
        {"action": "push", "target": {"mediaType": "application/vnd.oci.image.index.v1+json", "repository": "org/app", "tag": "v1", "digest": "sha256:ab"}, "request": {"host": "r.example"}},
        {"action": "push", "target": {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "repository": "org/app", "digest": "sha256:cd"}, "request": {"host": "r.example"}}
    ]});
    let table = [
        (
            "gcr",
            json!({"message": {"data": message, "messageId": "1"}, "subscription": "projects/p/subscriptions/s"}),
            "gcr.io/p/app:v1 sha256:ab",
        ),
        (
            "ecr",
            ecr.clone(),
            "123.dkr.ecr.us-east-1.amazonaws.com/org/app:v1 sha256:ab",
        ),
        (
            "ecr",
            json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123:t", "Message": ecr.to_string()}),
            "123.dkr.ecr.us-east-1.amazonaws.com/org/app:v1 sha256:ab",
        ),
        (
            "aliyun",
            aliyun,
            "registry.cn-hangzhou.aliyuncs.com/org/app:v1 sha256:ab",
        ),
        (
            "tcr",
            tencent,
            "ccr.ccs.tencentyun.com/org/app:v1 sha256:ab",
        ),
        (
            "tcr",
            harbor("pushImage"),
            "harbor.example:8443/org/app:v1 sha256:ab",
        ),
        (
            "harbor",
            harbor("PUSH_ARTIFACT"),
            "harbor.example:8443/org/app:v1 sha256:ab",
        ),
        (
            "harbor",
            harbor("deleteImage"),
            "ignored: no image was pushed",
        ),
        (
            "harbor",
            harbor_cloud_event,
            "harbor.example/org/app:v1 sha256:ab",
        ),
        (
            "quay",
            quay,
            "quay.io/org/app:v1 -; quay.io/org/app:latest -",
        ),
        (
            "quay",
            json!({"docker_url": "quay.io/org/app"}),
            "ignored: no tag was updated",
        ),
        ("dockerregistry", oci, "r.example/org/app:v1 sha256:ab"),
        (
            "acr",
            json!({"action": "chart_push", "target": {"mediaType": "application/vnd.acr.helm.chart", "repository": "charts", "tag": "wp-5.4.0.tgz", "name": "wp", "version": "5.4.0"}, "request": {"host": "r.azurecr.io"}}),
            "r.azurecr.io/charts:wp-5.4.0.tgz -",
        ),
        (
            "acr",
            json!({"action": "delete", "target": {"repository": "x"}, "request": {"host": "r.azurecr.io"}}),
            "ignored: no image was pushed",
        ),
    ];
    for (source, body, expected) in table {
        assert_eq!(read("docker", source, &[], &body), expected, "{source}");
    }
}

#[test]
fn changes() {
    let coding_push = json!({
        "ref": "refs/heads/main", "before": "000", "after": "abc", "commits": [],
        "repository": {"id": "1", "name": "web", "full_name": "team/shop/web", "owner": {"login": "team", "name": "Team"}},
        "sender": {"login": "me"}
    });
    let coding_event = json!({
        "event": "GIT_PUSHED", "project": {"name": "shop", "display_name": "Shop"}, "team": {"domain": "team"},
        "repository": {"name": "web"}, "ref": "refs/tags/v1", "after": "abc"
    });
    let coding_request = json!({
        "action": "merge", "project": {"name": "shop"}, "repository": {"name": "web"},
        "mergeRequest": {"number": 7, "title": "t", "source_branch": "topic", "target_branch": "main", "merge_commit_sha": "abc"}
    });
    let gitlab_request = json!({
        "object_kind": "merge_request", "project": {"name": "Web", "namespace": "Shop", "path_with_namespace": "shop/web"},
        "object_attributes": {"iid": 7, "title": "t", "state": "opened", "action": "open", "source_branch": "topic", "last_commit": {"id": "abc"}}
    });
    let gitlab_tag = json!({"object_kind": "tag_push", "ref": "refs/tags/v1", "after": "abc", "project": {"name": "Web", "namespace": "Shop", "path_with_namespace": "group/sub/web"}});
    let bitbucket_tag = json!({
        "repository": {"full_name": "org/web", "owner": {"username": "org"}},
        "push": {"changes": [{"new": {"type": "tag", "name": "v1", "target": {"hash": "abc"}}}, {"old": {"name": "gone"}, "new": null}]}
    });
    let table = [
        (
            "coding",
            vec![("X-Coding-Event", "push")],
            coding_push,
            "team/web = Team/web = team/shop/web main abc push",
        ),
        (
            "coding",
            vec![],
            coding_event,
            "shop/web = Shop/web refs/tags/v1 abc push",
        ),
        (
            "coding",
            vec![("X-Coding-Event", "merge request")],
            coding_request,
            "shop/web topic abc merge_request:merge",
        ),
        (
            "coding",
            vec![],
            json!({"token": "123", "zen": "Coding"}),
            "ignored: a ping",
        ),
        (
            "gitlab",
            vec![],
            gitlab_request,
            "Shop/Web = shop/web topic abc merge_request:open",
        ),
        (
            "gitlab",
            vec![],
            gitlab_tag,
            "Shop/Web = group/sub/web refs/tags/v1 abc tag_push",
        ),
        (
            "bitbucket",
            vec![("X-Event-Key", "repo:push")],
            bitbucket_tag,
            "org/org/web = org/web refs/tags/v1 abc repo:push",
        ),
        (
            "github",
            vec![("X-GitHub-Event", "ping")],
            json!({"repository": {"name": "r", "owner": {"login": "o"}}}),
            "ignored: a ping",
        ),
    ];
    for (source, headers, body, expected) in table {
        assert_eq!(read("git", source, &headers, &body), expected, "{source}");
    }
}

#[test]
fn a_form_carries_the_document_too() {
    let body = "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%2C%22after%22%3A%22a+b%22%2C%22repository%22%3A%7B%22name%22%3A%22r%22%2C%22owner%22%3A%7B%22name%22%3A%22o%22%7D%7D%7D&x=1";
    let headers = Headers::new([("Content-Type", "application/x-www-form-urlencoded")]);
    let interpreted = interpret(
        &Delivery::new("git", "github", body).with_headers(headers),
        &Templates::default(),
    )
    .unwrap();
    assert_eq!(
        interpreted.events[0].summary(),
        "push:push of branch main in o/r"
    );
}
