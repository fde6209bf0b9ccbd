//! What a container will do: read from its pod's annotations, its image and its command.
//!
//! No image is ever fetched and no program run, so a pod's fate is written on the pod. A healthy long-running container is what one gets
//! without any script.
//!
//! Annotations of the pod (for a workload: of its template):
//!
//! | annotation | value | effect |
//! | --- | --- | --- |
//! | `sandbox.spindrift.io/ready-after` | `1500ms`, `2s`, `1m` or `never` | readiness delay of the containers |
//! | `sandbox.spindrift.io/outcome` | `crash`, `oom`, `image-pull`, `unschedulable`, `never-ready`, `fail` | see the words below |
//! | `sandbox.spindrift.io/run-for` | a duration | how long containers of a Job's pod run |
//! | `sandbox.spindrift.io/exit-code` | a number | their exit code |
//! | `sandbox.spindrift.io/log` | text | lines they write |
//! | `sandbox.spindrift.io/termination-message` | text | their termination message |
//! | `sandbox.spindrift.io/deny` (on any object) | text | creates and updates are denied by an admission webhook in these words |
//!
//! Words in an image (the last part of its path, or its tag): `does-not-exist` cannot be pulled (`ImagePullBackOff`), `crash` exits soon
//! after each start (`CrashLoopBackOff`), `oom` is killed for its memory, `never-ready` runs and never becomes ready, `unschedulable` finds no
//! node, `fail` exits with 1 where the pod does not restart.
//!
//! A command of the form `sh -c '…'` is read for `echo`, `sleep`, `exit`, `true` and `false`, so that a Job's log lines, duration and exit code
//! can be written the way they would be for a real cluster.

use std::time::Duration;

use serde_json::Value;

use crate::json::Json;
use crate::options::SandboxOptions;

/// Prefix of every annotation the sandbox reads.
pub const ANNOTATION_PREFIX: &str = "sandbox.spindrift.io/";

/// Denies writes of the object that carries it.
pub(crate) const DENY: &str = "sandbox.spindrift.io/deny";

/// What goes wrong with a pod or one of its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    ImagePull,
    Crash,
    OutOfMemory,
    NeverReady,
    Unschedulable,
    Fail,
}

impl Trouble {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "does-not-exist" | "image-pull" => Self::ImagePull,
            "crash" => Self::Crash,
            "oom" => Self::OutOfMemory,
            "never-ready" => Self::NeverReady,
            "unschedulable" => Self::Unschedulable,
            "fail" => Self::Fail,
            _ => return None,
        })
    }

    fn of_image(image: &str) -> Option<Self> {
        let bare = image.split('@').next().unwrap_or(image);
        let last = bare.rsplit('/').next().unwrap_or(bare);
        let (name, tag) = last.split_once(':').unwrap_or((last, ""));
        Self::from_word(name).or_else(|| Self::from_word(tag))
    }
}

/// The fate of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub trouble: Option<Trouble>,
    /// `None`: never.
    pub ready_after: Option<Duration>,
    /// How long it runs before it ends by itself, if it does.
    pub run_for: Duration,
    pub exit_code: i64,
    pub lines: Vec<String>,
    pub termination_message: String,
}

/// Reads the fate of a container from its pod.
pub(crate) fn script(pod: &Value, container: &Value, options: &SandboxOptions) -> Script {
    let note = |name: &str| pod.annotation(&format!("{ANNOTATION_PREFIX}{name}"));
    let trouble = note("outcome")
        .and_then(Trouble::from_word)
        .or_else(|| Trouble::of_image(container.text(&["image"])));
    let ready_after = match note("ready-after") {
        Some("never") => None,
        Some(text) => Some(parse_duration(text).unwrap_or(options.readiness_delay)),
        None => Some(options.readiness_delay),
    };
    let command = shell(container);
    let mut lines: Vec<String> = command.lines;
    lines.extend(
        note("log")
            .into_iter()
            .flat_map(str::lines)
            .map(str::to_owned),
    );
    let failing = matches!(trouble, Some(Trouble::Fail | Trouble::Crash));
    let exit_code = note("exit-code")
        .and_then(|text| text.parse().ok())
        .unwrap_or(if failing { 1 } else { command.exit_code });
    Script {
        trouble,
        ready_after: ready_after.filter(|_| trouble != Some(Trouble::NeverReady)),
        run_for: note("run-for")
            .and_then(parse_duration)
            .or(command.slept)
            .unwrap_or(options.job_duration),
        exit_code: if trouble == Some(Trouble::OutOfMemory) {
            137
        } else {
            exit_code
        },
        lines,
        termination_message: note("termination-message").unwrap_or_default().to_owned(),
    }
}

/// Whether no node will take the pod.
pub(crate) fn is_unschedulable(pod: &Value) -> bool {
    let noted = pod.annotation("sandbox.spindrift.io/outcome") == Some("unschedulable");
    noted
        || pod.items(&["spec", "containers"]).iter().any(|container| {
            Trouble::of_image(container.text(&["image"])) == Some(Trouble::Unschedulable)
        })
}

#[derive(Debug, Default)]
struct Shell {
    lines: Vec<String>,
    slept: Option<Duration>,
    exit_code: i64,
}

/// Reads the few commands of a `sh -c` script that decide what an observer sees.
fn shell(container: &Value) -> Shell {
    let words: Vec<&str> = container
        .items(&["command"])
        .iter()
        .chain(container.items(&["args"]))
        .filter_map(Value::as_str)
        .collect();
    let mut shell = Shell::default();
    let script = match words.iter().position(|word| *word == "-c") {
        Some(index) => words.get(index + 1).copied().unwrap_or_default().to_owned(),
        None if words.first() == Some(&"echo") => words.join(" "),
        None => return shell,
    };
    for step in script.split([';', '\n']).flat_map(|part| part.split("&&")) {
        let step = step.trim();
        let (command, rest) = step.split_once(char::is_whitespace).unwrap_or((step, ""));
        match command {
            "echo" => shell.lines.push(unquote(rest.trim()).to_owned()),
            "sleep" => {
                let seconds = parse_duration(rest.trim())
                    .or_else(|| rest.trim().parse().ok().map(Duration::from_secs_f64));
                shell.slept = Some(shell.slept.unwrap_or_default() + seconds.unwrap_or_default());
            }
            "exit" => {
                shell.exit_code = rest.trim().parse().unwrap_or(1);
                break;
            }
            "false" => shell.exit_code = 1,
            _ => {}
        }
    }
    shell
}

fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            return inner;
        }
    }
    text
}

/// Reads `1500ms`, `2s`, `1m` or `1h`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(pod: &Value) -> Script {
        script(
            pod,
            &pod["spec"]["containers"][0],
            &SandboxOptions::default(),
        )
    }

    #[test]
    fn words_in_images_and_annotations_decide() {
        for (image, trouble) in [
            ("nginx:1.27", None),
            ("reg:5000/team/does-not-exist:1", Some(Trouble::ImagePull)),
            ("nginx:crash", Some(Trouble::Crash)),
            ("x/oom@sha256:00", Some(Trouble::OutOfMemory)),
            ("crashing:1", None),
        ] {
            let pod = json!({"spec": {"containers": [{"image": image}]}});
            assert_eq!(read(&pod).trouble, trouble, "{image}");
        }
        let pod = json!({"metadata": {"annotations": {"sandbox.spindrift.io/ready-after": "never", "sandbox.spindrift.io/outcome": "fail"}},
            "spec": {"containers": [{"image": "a"}]}});
        assert_eq!((read(&pod).ready_after, read(&pod).exit_code), (None, 1));
    }

    #[test]
    fn a_shell_command_writes_its_lines_sleeps_and_exits() {
        let pod = json!({"spec": {"containers": [{"image": "busybox", "command": ["sh", "-c", "echo \"a=b\"; sleep 3 && echo done\nexit 4; echo no"]}]}});
        let script = read(&pod);
        assert_eq!(script.lines, ["a=b", "done"]);
        assert_eq!(
            (script.run_for, script.exit_code),
            (Duration::from_secs(3), 4)
        );
    }

    #[test]
    fn durations_have_units() {
        for (text, expected) in [
            ("1500ms", Some(1500)),
            ("2s", Some(2000)),
            ("1.5m", Some(90_000)),
            ("5", None),
            ("-1s", None),
            ("2d", None),
        ] {
            assert_eq!(
                parse_duration(text).map(|duration| duration.as_millis()),
                expected,
                "{text}"
            );
        }
    }
}
