//! `spindrift account`

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use spindrift_cloud_driver::kubernetes::portable_kubeconfig;

use super::{Server, segment, table, text};
use crate::cli::{AccountAction, AccountAddArgs, AccountArgs, ClientArgs, Output};
use crate::exit::Exit;
use crate::say;

/// Binds, shows, verifies and forgets the cloud accounts of a server.
pub async fn account(arguments: AccountArgs) -> anyhow::Result<Exit> {
    match arguments.action {
        AccountAction::Add(arguments) => add(*arguments).await,
        AccountAction::List { common } => list(&common).await,
        AccountAction::Get { name, common } => {
            let path = format!("/credentials/{}", segment(&name));
            let account = call(&common, Method::GET, &path, None).await?;
            show(&common, &account)?;
            Ok(Exit::Success)
        }
        AccountAction::Verify { name, common } => {
            let path = format!("/credentials/{}/verify", segment(&name));
            let account = call(&common, Method::POST, &path, None).await?;
            show(&common, &account)?;
            Ok(ended(&account))
        }
        AccountAction::Remove { name, common } => {
            let path = format!("/credentials/{}", segment(&name));
            call(&common, Method::DELETE, &path, None).await?;
            if common.output == Output::Table {
                say!("{name} removed");
            }
            Ok(Exit::Success)
        }
    }
}

async fn add(arguments: AccountAddArgs) -> anyhow::Result<Exit> {
    let body = definition(&arguments)?;
    let method = match arguments.replace {
        true => Method::PUT,
        false => Method::POST,
    };
    let account = call(&arguments.common, method, "/credentials", Some(&body)).await?;
    show(&arguments.common, &account)?;
    Ok(ended(&account))
}

/// The account as the server takes it.
fn definition(arguments: &AccountAddArgs) -> anyhow::Result<Value> {
    let mut account = Map::new();
    let mut put = |key: &str, value: Value| account.insert(key.to_owned(), value);
    put("type", "kubernetes".into());
    put("name", arguments.name.as_str().into());
    if let Some(file) = &arguments.kubeconfig {
        let kubeconfig = portable_kubeconfig(file, arguments.context.as_deref())?;
        put("kubeconfigContents", kubeconfig.into());
    }
    if let (Some(server), Some(token)) = (&arguments.api_server, &arguments.token_file) {
        put("server", server.as_str().into());
        put("token", read(token)?.trim().into());
    }
    if let Some(file) = &arguments.certificate_authority {
        put("certificateAuthority", read(file)?.into());
    }
    if arguments.in_cluster {
        put("serviceAccount", true.into());
    }
    for (key, list) in [
        ("namespaces", &arguments.namespaces),
        ("omitNamespaces", &arguments.omit_namespaces),
        ("kinds", &arguments.kinds),
        ("omitKinds", &arguments.omit_kinds),
    ] {
        if !list.is_empty() {
            put(key, json!(list));
        }
    }
    Ok(Value::Object(account))
}

/// The text of a file; `-` is standard input.
pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("standard input cannot be read")?;
    Ok(text)
}

async fn list(common: &ClientArgs) -> anyhow::Result<Exit> {
    let accounts = call(common, Method::GET, "/credentials?expand=true", None).await?;
    if common.output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&accounts)?);
        return Ok(Exit::Success);
    }
    let rows = accounts.as_array().into_iter().flatten();
    table::print(
        &["account", "state", "version", "from", "reason"],
        rows.map(|account| {
            ["name", "state", "version", "origin", "reason"]
                .map(|key| text(account, key).to_owned())
                .to_vec()
        })
        .collect(),
    );
    Ok(Exit::Success)
}

fn show(common: &ClientArgs, account: &Value) -> anyhow::Result<()> {
    if common.output == Output::Json {
        say!("{}", serde_json::to_string_pretty(account)?);
        return Ok(());
    }
    say!("{}: {}", text(account, "name"), text(account, "state"));
    for (label, key) in [
        ("version", "version"),
        ("reason", "reason"),
        ("from", "origin"),
    ] {
        let value = text(account, key);
        if !value.is_empty() {
            say!("  {label}: {value}");
        }
    }
    let list = |key: &str| {
        let values = account.get(key).and_then(Value::as_array);
        let values = values.into_iter().flatten().filter_map(Value::as_str);
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    let namespaces = list("namespaces");
    if !namespaces.is_empty() {
        say!("  namespaces: {}", namespaces.join(", "));
    }
    // A single one is the reason.
    let problems = list("problems");
    if problems.len() > 1 {
        for problem in problems {
            say!("  - {problem}");
        }
    }
    Ok(())
}

/// An account that cannot be used is bound, and a script should know.
fn ended(account: &Value) -> Exit {
    match text(account, "state") {
        "READY" | "LIMITED" => Exit::Success,
        _ => Exit::Failed,
    }
}

async fn call(
    common: &ClientArgs,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let server = Server::new(common.server.clone())?;
    let answer = server.call(method.clone(), path, body).await?;
    if answer.is_null() && method != Method::DELETE {
        bail!("the server's answer is empty; is it Spindrift?");
    }
    Ok(answer)
}
