//! How fast expressions are: paths, a stage context, parsing, and the worst that is allowed.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use spindrift_expressions::{
    Environment, Scope, Template, TemplateCache, check, evaluate, evaluate_context,
};
use spindrift_model::Execution;

struct Still;

impl Environment for Still {
    fn now_ms(&self) -> i64 {
        1_718_000_000_000
    }

    fn random_u64(&self) -> u64 {
        4
    }
}

fn execution(context: &Value) -> Execution {
    serde_json::from_value(json!({
        "id": "E", "application": "shop",
        "trigger": {"type": "docker", "tag": "v7", "parameters": {"env": "prod", "replicas": "3"}},
        "stages": [
            {"refId": "1", "id": "A", "type": "bake", "name": "Bake", "status": "SUCCEEDED",
             "outputs": {"artifacts": [{"type": "docker/image", "reference": "shop:v7"}]}},
            {"refId": "2", "id": "B", "type": "deploy", "name": "Deploy", "requisiteStageRefIds": ["1"],
             "context": context},
        ],
    }))
    .unwrap_or_default()
}

/// A context of 100 expressions in the proportions public pipelines have.
fn context() -> Value {
    let kinds = [
        "${parameters.env}",
        "${trigger['tag']}",
        "${trigger.parameters['replicas']}",
        "${execution.application}",
        "${#stage('Bake').status}",
        "${#stage('Bake')['outputs']['artifacts'][0]['reference']}",
        "${artifacts[0].reference}",
        "image: shop:${trigger.tag}",
        "${parameters.env == 'prod'}",
        "${#toInt(parameters.replicas)}",
    ];
    let entries: Map<String, Value> = (0..100)
        .map(|index| (format!("key{index}"), json!(kinds[index % kinds.len()])))
        .collect();
    Value::Object(entries)
}

fn paths(bench: &mut Criterion) {
    let execution = execution(&context());
    let cache = TemplateCache::default();
    let scope = Scope::of_stage(&execution, 1, &Still).with_cache(&cache);
    let paths: Value = (0..1000)
        .map(|_| json!("${trigger.parameters.env}"))
        .collect();
    let mut group = bench.benchmark_group("paths");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("lookups", |b| {
        b.iter(|| black_box(evaluate(&paths, &scope)))
    });
    group.finish();
}

fn stage(bench: &mut Criterion) {
    let context = context();
    let execution = execution(&context);
    let cache = TemplateCache::default();
    let scope = Scope::of_stage(&execution, 1, &Still).with_cache(&cache);
    let Value::Object(map) = &context else {
        return;
    };
    bench.bench_function("context of 100 expressions", |b| {
        b.iter(|| black_box(evaluate_context(map, &scope, &[])));
    });
    let plain: Map<String, Value> = (0..100)
        .map(|index| {
            (
                format!("key{index}"),
                json!("no expression at all in this text"),
            )
        })
        .collect();
    bench.bench_function("context of 100 plain texts", |b| {
        b.iter(|| black_box(evaluate_context(&plain, &scope, &[])));
    });
}

fn parse(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("parse");
    let texts = [
        ("path", "${trigger.parameters.env}"),
        (
            "usual",
            "${#stage('Deploy')['outputs']['manifest'].?[kind == 'Service'][0].name ?: parameters.name + '-x'}",
        ),
    ];
    for (name, text) in texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| black_box(Template::parse(text))));
    }
    let context = context();
    group.throughput(Throughput::Elements(100));
    group.bench_function("check of 100 expressions", |b| {
        b.iter(|| black_box(check(&context)))
    });
    group.finish();
}

fn worst(bench: &mut Criterion) {
    let execution = execution(&json!({
        "list": vec![1; 4000], "text": "x".repeat(100_000),
    }));
    let scope = Scope::of_stage(&execution, 1, &Still);
    let mut group = bench.benchmark_group("worst");
    group.sample_size(10);
    let cases = [
        ("operations", "${list.![#root.list.![#this + 1]]}"),
        ("texts", "${list.![#root.text.toUpperCase()]}"),
        ("replacing", "${list.![#root.text.replaceAll('x', 'yy')]}"),
        ("backtracking", r"${text.matches('(x*)*\1y')}"),
        (
            "equality",
            "${list.?[#root.list == #root.list.subList(0, 4000)]}",
        ),
    ];
    for (name, template) in cases {
        let template = json!(template);
        group.bench_function(name, |b| {
            b.iter_batched(
                || template.clone(),
                |template| black_box(evaluate(&template, &scope)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, paths, stage, parse, worst);
criterion_main!(benches);
