//! `sigyn query` and `sigyn trace`: ask a server, print what it knows.

use super::{client::Client, sparkline, table};
use crate::exit::Exit;
use clap::{Args, ValueEnum};
use serde_json::Value;
use sigyn_query::traceql;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{IsTerminal, Write},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(60);
/// A series is drawn with about so many characters.
const POINTS: i64 = 60;
/// Whoever waits longer is told that the server is at work.
const PATIENCE: Duration = Duration::from_secs(1);

/// A search in TraceQL, or a metrics query, which is drawn.
#[derive(Args, Debug)]
pub(crate) struct Query {
    #[command(flatten)]
    ask: Ask,
    /// How many traces at most.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// How far back a metrics query looks, such as 15m or 7d.
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    since: String,
    /// Such as '{ resource.service.name = "checkout" && duration > 500ms }'.
    traceql: String,
}

/// A look-up by ID.
#[derive(Args, Debug)]
pub(crate) struct Trace {
    #[command(flatten)]
    ask: Ask,
    /// 1 to 32 hex digits.
    id: String,
}

/// Whom to ask, and how to answer.
#[derive(Args, Debug)]
struct Ask {
    /// The server's URL.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7449")]
    server: String,
    /// How the answer looks.
    #[arg(long, default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// One span of a trace, as far as the tree shows it.
struct Row {
    id: String,
    parent: String,
    service: String,
    name: String,
    start_unix_nano: u64,
    duration_nano: u64,
    failed: bool,
}

impl Query {
    pub(crate) fn run(self) -> Result<(), Exit> {
        // Told here, with the place, before anybody is asked.
        let query = traceql::parse(&self.traceql)
            .map_err(|error| Exit::bad(error.render(&self.traceql)))?;
        if query.is_metrics() { self.metrics() } else { self.search() }
    }

    fn search(&self) -> Result<(), Exit> {
        let limit = self.limit.to_string();
        let parameters = [("q", self.traceql.as_str()), ("limit", &limit)];
        let answer = self.ask.get("/api/search", &parameters)?;
        if self.ask.output == Output::Json {
            return print(&pretty(&answer));
        }
        let heading = ["TRACE", "START", "DURATION", "SPANS", "SERVICE", "NAME"];
        let traces = answer["traces"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rows: Vec<_> = traces.iter().map(trace_row).collect();
        print(&table::render(&heading, &rows))
    }

    fn metrics(&self) -> Result<(), Exit> {
        let parameters = [("q", self.traceql.as_str()), ("since", &self.since)];
        let answer = self.ask.get("/api/metrics/query_range", &parameters)?;
        if self.ask.output == Output::Json {
            return print(&pretty(&answer));
        }
        let heading = ["SERIES", "LEAST", "MOST", "LAST", "OVER TIME"];
        print(&table::render(&heading, &series_rows(&answer)))?;
        match answer["message"].as_str() {
            Some(message) => tell(&format!("not whole: {message}\n")),
            None => Ok(()),
        }
    }
}

impl Trace {
    pub(crate) fn run(self) -> Result<(), Exit> {
        let answer = self.ask.get(&format!("/api/sigyn/v1/traces/{}", self.id), &[])?;
        if self.ask.output == Output::Json {
            return print(&pretty(&answer));
        }
        let rows = rows_of(&answer);
        let origin = rows.iter().map(|row| row.start_unix_nano).min().unwrap_or_default();
        let lines: Vec<_> = in_tree_order(&rows)
            .into_iter()
            .map(|(depth, row)| {
                let mark = if row.failed { " ✗" } else { "" };
                vec![
                    format!("+{}", table::duration(row.start_unix_nano - origin)),
                    table::duration(row.duration_nano),
                    row.service.clone(),
                    format!("{}{}{mark}", "  ".repeat(depth), row.name),
                ]
            })
            .collect();
        print(&table::render(&["START", "DURATION", "SERVICE", "SPAN"], &lines))
    }
}

impl Ask {
    /// The decoded answer; a refusal becomes the server's own sentence.
    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, Exit> {
        let base = self.server.trim_end_matches('/');
        let url = reqwest::Url::parse_with_params(&format!("{base}{path}"), parameters)
            .map_err(|error| Exit::bad(format!("--server={}: {error}", self.server)))?;
        super::serve::runtime()?.block_on(async {
            let client = Client::new(TIMEOUT)?;
            let answer = patiently(client.get(url)).await?.map_err(|error| {
                Exit::bad(format!("{base} does not answer; is sigyn running there? ({error})"))
            })?;
            let status = answer.status();
            let body = answer.text().await.map_err(Exit::bad)?;
            if !status.is_success() {
                return Err(Exit::bad(format!("{status}: {}", body.trim())));
            }
            serde_json::from_str(&body).map_err(|error| {
                Exit::bad(format!("{base} does not answer as sigyn does: {error}"))
            })
        })
    }
}

/// Waits, and says so on a terminal when it takes long.
async fn patiently<T>(work: impl Future<Output = T>) -> Result<T, Exit> {
    let mut clock = tokio::time::interval(PATIENCE);
    clock.tick().await;
    tokio::pin!(work);
    let mut seconds = 0;
    loop {
        tokio::select! {
            done = &mut work => {
                if seconds > 0 {
                    // Over what was told while waiting.
                    tell("\r\x1b[K")?;
                }
                return Ok(done);
            }
            _ = clock.tick(), if std::io::stderr().is_terminal() => {
                seconds += PATIENCE.as_secs();
                tell(&format!("\r\x1b[Kthe server is searching … {seconds} s"))?;
            }
        }
    }
}

/// Says something beside the answer.
fn tell(text: &str) -> Result<(), Exit> {
    let mut stderr = std::io::stderr();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).map_err(Exit::bad)
}

/// One row a series; all drawn over the same time.
fn series_rows(answer: &Value) -> Vec<Vec<String>> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let all: Vec<(String, BTreeMap<i64, f64>)> = list(answer, "series")
        .iter()
        .map(|series| {
            let labels = list(series, "labels");
            let labels: Vec<String> = labels.iter().map(label).collect();
            let samples = list(series, "samples").into_iter().filter_map(|sample| {
                let time: i64 = sample["timestampMs"].as_str()?.parse().ok()?;
                Some((time, sample["value"].as_f64().unwrap_or_default()))
            });
            (labels.join(" "), samples.collect())
        })
        .collect();
    let times = || all.iter().flat_map(|(_, samples)| samples.keys().copied());
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Vec::new() };
    let width = ((last - first) / POINTS).max(1);
    all.iter()
        .map(|(labels, samples)| {
            // Several samples that share a character show their greatest.
            let mut points = vec![None; usize::try_from((last - first) / width + 1).unwrap_or(1)];
            for (time, value) in samples {
                let at = usize::try_from((time - first) / width).unwrap_or_default();
                let point: &mut Option<f64> = &mut points[at];
                *point = Some(point.map_or(*value, |other| other.max(*value)));
            }
            let values = || samples.values().copied();
            vec![
                labels.clone(),
                sparkline::number(values().fold(f64::INFINITY, f64::min)),
                sparkline::number(values().fold(f64::NEG_INFINITY, f64::max)),
                sparkline::number(values().next_back().unwrap_or_default()),
                sparkline::draw(&points),
            ]
        })
        .collect()
}

fn label(label: &Value) -> String {
    let key = label["key"].as_str().unwrap_or_default();
    let value = label["value"].as_object().and_then(|value| value.values().next());
    let value = match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    if key == "__name__" { value } else { format!("{key}={value}") }
}

fn trace_row(trace: &Value) -> Vec<String> {
    let spans: u64 = trace["serviceStats"]
        .as_object()
        .map(|stats| stats.values().filter_map(|each| each["spanCount"].as_u64()).sum())
        .unwrap_or_default();
    let start = trace["startTimeUnixNano"].as_str().and_then(|text| text.parse().ok());
    let text = |key: &str| trace[key].as_str().unwrap_or_default().to_owned();
    vec![
        format!("{:0>32}", text("traceID")),
        start.map(rfc3339).unwrap_or_default(),
        table::duration(trace["durationMs"].as_u64().unwrap_or_default() * 1_000_000),
        spans.to_string(),
        text("rootServiceName"),
        text("rootTraceName"),
    ]
}

fn rfc3339(unix_nano: u64) -> String {
    let system = std::time::UNIX_EPOCH + Duration::from_nanos(unix_nano);
    jiff::Timestamp::try_from(system)
        .map(|timestamp| format!("{timestamp:.3}"))
        .unwrap_or_else(|_| unix_nano.to_string())
}

fn rows_of(answer: &Value) -> Vec<Row> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for resource in list(answer, "resourceSpans") {
        let service = list(&resource["resource"], "attributes")
            .iter()
            .find(|attribute| attribute["key"] == "service.name")
            .and_then(|attribute| attribute["value"]["stringValue"].as_str())
            .unwrap_or("(no service)")
            .to_owned();
        for span in list(&resource, "scopeSpans").iter().flat_map(|scope| list(scope, "spans")) {
            let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
            let number = |key: &str| span[key].as_str().and_then(|text| text.parse().ok());
            let start_unix_nano: u64 = number("startTimeUnixNano").unwrap_or_default();
            let end_unix_nano: u64 = number("endTimeUnixNano").unwrap_or_default();
            let code = &span["status"]["code"];
            rows.push(Row {
                id: text("spanId"),
                parent: text("parentSpanId"),
                service: service.clone(),
                name: text("name"),
                start_unix_nano,
                duration_nano: end_unix_nano.saturating_sub(start_unix_nano),
                failed: code == "STATUS_CODE_ERROR" || code == 2,
            });
        }
    }
    rows.sort_by(|a, b| (a.start_unix_nano, &a.id).cmp(&(b.start_unix_nano, &b.id)));
    rows
}

/// Depth first, children by start. Spans without a parent here are roots; of a cycle, the earliest is.
fn in_tree_order(rows: &[Row]) -> Vec<(usize, &Row)> {
    let known: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        children.entry(&row.parent).or_default().push(index);
    }
    let roots = (0..rows.len()).filter(|index| !known.contains(rows[*index].parent.as_str()));
    let mut seen = vec![false; rows.len()];
    let mut order = Vec::with_capacity(rows.len());
    for start in roots.chain(0..rows.len()) {
        let mut open = vec![(0, start)];
        while let Some((depth, index)) = open.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            order.push((depth, &rows[index]));
            let below = children.get(rows[index].id.as_str()).into_iter().flatten();
            open.extend(below.rev().map(|child| (depth + 1, *child)));
        }
    }
    order
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a JSON value prints");
    text.push('\n');
    text
}

/// A closed pipe (`sigyn query … | head`) is no fault.
fn print(text: &str) -> Result<(), Exit> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Exit::bad(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, parent: &str, start_unix_nano: u64) -> Row {
        Row {
            id: id.to_owned(),
            parent: parent.to_owned(),
            service: String::new(),
            name: id.to_owned(),
            start_unix_nano,
            duration_nano: 1,
            failed: false,
        }
    }

    #[test]
    fn series_are_drawn_over_the_same_time() {
        let sample = |time: i64, value: f64| serde_json::json!({"timestampMs": time.to_string(), "value": value});
        let named = |key: &str, value: &str| serde_json::json!([{"key": key, "value": {"stringValue": value}}]);
        let answer = serde_json::json!({"series": [
            {"labels": named("__name__", "rate"), "samples": [sample(0, 1.0), sample(120, 4.0)]},
            {"labels": named("name", "x"), "samples": [sample(120, 2.0), {"timestampMs": "60"}]},
        ]});
        let rows = series_rows(&answer);
        assert_eq!(rows[0][..4], ["rate", "1.00", "4.00", "4.00"]);
        assert_eq!(rows[1][..4], ["name=x", "0", "2.00", "2.00"]);
        for row in &rows {
            assert_eq!(row[4].chars().count(), 61);
        }
        assert!(rows[0][4].ends_with('█') && rows[1][4].starts_with(' '));
        assert!(series_rows(&serde_json::json!({})).is_empty());
    }

    #[test]
    fn children_follow_their_parent_and_cycles_end() {
        let rows = [
            row("a", "", 1),
            row("b", "a", 2),
            row("orphan", "gone", 3),
            row("c", "a", 4),
            row("d", "b", 5),
            row("x", "y", 6),
            row("y", "x", 7),
        ];
        let order: Vec<_> =
            in_tree_order(&rows).into_iter().map(|(depth, row)| (depth, row.id.as_str())).collect();
        let expected = [(0, "a"), (1, "b"), (2, "d"), (1, "c"), (0, "orphan"), (0, "x"), (1, "y")];
        assert_eq!(order, expected);
    }
}
