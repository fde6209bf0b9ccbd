//! Our reading of Quartz expressions against another program's.

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds, Year};
use spindrift_triggers::Schedule;

/// Occurrences compared for each pattern.
const COUNT: usize = 200;

fn ours(text: &str, start: DateTime<Utc>) -> Vec<i64> {
    let schedule = Schedule::parse(text, "id", chrono_tz::UTC)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    schedule.next_runs(start.timestamp_millis(), COUNT)
}

fn theirs(text: &str, start: DateTime<Utc>) -> Vec<i64> {
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Optional)
        .alternative_weekdays(true)
        .dom_and_dow(true)
        .sloppy_ranges(true)
        .build();
    let cron = parser
        .parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    cron.iter_after(start)
        .take(COUNT)
        .map(|time| time.timestamp_millis())
        .collect()
}

#[test]
fn another_program_finds_the_same_times() {
    // Where the other program cannot read the text, the second column says the same in its own words.
    let table = [
        ("0 0 10 ? * MON-FRI", ""),
        ("0 0/15 8-18 * * ?", ""),
        ("0 5/20 * * * ?", ""),
        ("0 0/12 * 1/1 * ? *", ""),
        ("0 0 0 ? 1/2 MON", ""),
        ("0 0 0 1W 1/1 ? *", "0 0 0 1W * ?"),
        ("0 0 0 LW * ?", ""),
        ("0 0 0 L * ?", ""),
        ("0 0 12 15W * ?", ""),
        ("0 0 12 ? * MON#1", ""),
        ("0 0 12 ? * 6#3", ""),
        ("0 0 12 ? * MONL", ""),
        ("0 0 12 ? * 6L", ""),
        ("0 0 12 ? * FRIL", ""),
        ("0 0 22-2 * * ?", "0 0 22,23,0,1,2 * * ?"),
        ("0 0 8 ? * FRI-MON", "0 0 8 ? * FRI,SAT,SUN,MON"),
        ("0 0 8 1 NOV-FEB ?", "0 0 8 1 11,12,1,2 ?"),
        ("0 0 8 ? * 1", ""),
        ("0 0 0 29 2 ?", ""),
        ("0 0 6 ? * MON-FRI 2027-2029", ""),
        ("30 15,45 */6 ? 3,6,9 TUE,THU", ""),
    ];
    let start: DateTime<Utc> = "2026-11-20T10:11:12Z".parse().unwrap();
    for (text, other) in table {
        let other = if other.is_empty() { text } else { other };
        let (mine, reference) = (ours(text, start), theirs(other, start));
        // The last years of the calendar are ours to end: 2100 here, 9999 there.
        let compared = mine.len();
        assert!(
            compared == COUNT || compared > 5,
            "{text}: only {compared} times"
        );
        assert_eq!(mine, reference[..compared], "{text}");
    }
}

#[test]
fn the_expressions_of_real_pipelines_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/real-inputs/pipelines");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    let mut read = 0;
    for file in files {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for expression in text
            .split("\"cronExpression\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').nth(1))
        {
            let schedule = Schedule::parse(expression, "id", chrono_tz::UTC);
            assert!(
                schedule.is_ok(),
                "{}: {expression}: {schedule:?}",
                path.display()
            );
            read += 1;
        }
    }
    assert!(read >= 6, "only {read} expressions were found");
}
