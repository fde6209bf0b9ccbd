//! Alibaba Cloud Container Registry, and Tencent's TCR Personal, which has the same form.

use spindrift_model::Value;

use super::image::ImageEvent;
use super::kind::RegistryOutcome;
use crate::events::json::filled;

pub(super) fn read(body: &Value) -> RegistryOutcome {
    let repository = filled(body, &["repository", "repo_full_name"])
        .or_else(|| {
            let namespace = filled(body, &["repository", "namespace"])?;
            Some(format!(
                "{namespace}/{}",
                filled(body, &["repository", "name"])?
            ))
        })
        .ok_or("it names no repository")?;
    Ok(vec![ImageEvent {
        registry: filled(body, &["repository", "region"]).map(|region| host(&region)),
        repository,
        tag: filled(body, &["push_data", "tag"]),
        digest: filled(body, &["push_data", "digest"]),
        ..ImageEvent::default()
    }])
}

/// Tencent's regions are called `ap-guangzhou`, and its personal registry has one host for all of them.
fn host(region: &str) -> String {
    let tencent = [
        "ap-guangzhou",
        "ap-shanghai",
        "ap-nanjing",
        "ap-beijing",
        "ap-chengdu",
        "ap-chongqing",
    ];
    match tencent.contains(&region) {
        true => "ccr.ccs.tencentyun.com".to_owned(),
        false => format!("registry.{region}.aliyuncs.com"),
    }
}
