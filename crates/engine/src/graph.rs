//! The graph of a pipeline as its author drew it: can it run at all?

use std::collections::HashMap;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use spindrift_model::{Pipeline, Pointer, Problem, RefId};

/// What keeps the stages of a pipeline from ever running to the end.
///
/// A duplicate refId, a requisite that no stage has, a stage that requires itself, a cycle, or no stage to begin with.
/// Each problem names the refIds.
pub fn check_graph(pipeline: &Pipeline) -> Vec<Problem> {
    let stages = Pointer::root().key("stages");
    let mut problems = Vec::new();
    let mut graph = DiGraph::<usize, ()>::new();
    let mut nodes: HashMap<&RefId, NodeIndex> = HashMap::new();
    for (position, stage) in pipeline.stages.iter().enumerate() {
        let node = graph.add_node(position);
        if let Some(first) = nodes.insert(&stage.ref_id, node) {
            problems.push(Problem::error(
                stages.index(position).key("refId"),
                "stage.refId.duplicate",
                format!(
                    "refId {:?} is already that of stage {}; give every stage its own",
                    stage.ref_id, graph[first]
                ),
            ));
        }
    }
    for (position, stage) in pipeline.stages.iter().enumerate() {
        for (index, requisite) in stage.requisites.iter().enumerate() {
            let pointer = stages
                .index(position)
                .key("requisiteStageRefIds")
                .index(index);
            match nodes.get(requisite) {
                None => problems.push(Problem::error(
                    pointer,
                    "stage.requisite.unknown",
                    format!(
                        "stage {:?} requires {requisite:?}, which no stage has as its refId",
                        stage.ref_id
                    ),
                )),
                Some(_) if *requisite == stage.ref_id => problems.push(Problem::error(
                    pointer,
                    "stage.requisite.self",
                    format!("stage {requisite:?} requires itself"),
                )),
                Some(from) => {
                    graph.add_edge(*from, nodes[&stage.ref_id], ());
                }
            }
        }
    }
    problems.extend(cycles(&graph, pipeline, &stages));
    let rootless = !pipeline.stages.is_empty()
        && pipeline
            .stages
            .iter()
            .all(|stage| !stage.requisites.is_empty());
    if rootless && problems.is_empty() {
        problems.push(Problem::error(
            stages,
            "stage.root.missing",
            "every stage requires another, so none can begin".to_owned(),
        ));
    }
    problems
}

fn cycles(graph: &DiGraph<usize, ()>, pipeline: &Pipeline, stages: &Pointer) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Not Tarjan's: petgraph's is recursive, and a chain of ten thousand stages would end the stack.
    for component in kosaraju_scc(graph) {
        if component.len() < 2 {
            continue;
        }
        let mut positions: Vec<usize> = component.iter().map(|node| graph[*node]).collect();
        positions.sort_unstable();
        let mut names: Vec<String> = positions
            .iter()
            .take(MAX_NAMED)
            .map(|position| format!("{:?}", pipeline.stages[*position].ref_id))
            .collect();
        if positions.len() > MAX_NAMED {
            names.push(format!("and {} more", positions.len() - MAX_NAMED));
        }
        problems.push(Problem::error(
            stages.index(positions[0]).key("requisiteStageRefIds"),
            "stage.cycle",
            format!(
                "the stages {} require each other in a circle",
                names.join(", ")
            ),
        ));
    }
    problems
}

/// How many refIds a message lists before it only counts.
const MAX_NAMED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(edges: &[(&str, &[&str])]) -> String {
        let stages: Vec<_> = edges
            .iter()
            .map(|(id, requires)| json!({"refId": id, "type": "wait", "requisiteStageRefIds": requires}))
            .collect();
        let document = json!({"name": "p", "application": "a", "stages": stages});
        let (pipeline, _) = Pipeline::parse(document).unwrap();
        let lines: Vec<String> = check_graph(&pipeline)
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_graph_that_cannot_run_is_named_with_its_ref_ids() {
        assert_eq!(
            problems(&[("1", &[]), ("2", &["1"]), ("3", &["1", "2"])]),
            ""
        );
        insta::assert_snapshot!(problems(&[("1", &[]), ("1", &[])]), @r#"/stages/1/refId: refId "1" is already that of stage 0; give every stage its own"#);
        insta::assert_snapshot!(problems(&[("1", &["9"])]), @r#"/stages/0/requisiteStageRefIds/0: stage "1" requires "9", which no stage has as its refId"#);
        insta::assert_snapshot!(problems(&[("1", &["1"])]), @r#"/stages/0/requisiteStageRefIds/0: stage "1" requires itself"#);
        insta::assert_snapshot!(problems(&[("0", &[]), ("a", &["c"]), ("b", &["a"]), ("c", &["b"])]), @r#"/stages/1/requisiteStageRefIds: the stages "a", "b", "c" require each other in a circle"#);
    }
}
