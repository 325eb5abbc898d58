//! The examples of docs/using/notebooks.md, run as they stand there against a server that this test starts.

use crate::rig::{Rig, of_service, span, text, trace_id};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGES: [&str; 3] = ["pandas==3.1.1", "polars==2.1.0", "duckdb==2.0.0"];
const DOCUMENTED_BASE: &str = "http://localhost:7449";

/// A virtual environment that has the packages, from an earlier run or made now. An error says why it cannot be had.
fn environment() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("notebooks");
    let python = folder.join("bin/python");
    let installed = folder.join("packages");
    if fs::read_to_string(&installed).is_ok_and(|found| found == PACKAGES.join(" ")) {
        return Ok(python);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .output()
            .map_err(|error| format!("{} cannot be run ({error})", program.display()))?;
        let why = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(why()) }
    };
    run(
        Path::new("python3"),
        &["-m", "venv", "--clear", folder.to_str().ok_or("a strange path")?],
    )?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(&python, &[&install[..], &PACKAGES[..]].concat())?;
    fs::write(&installed, PACKAGES.join(" ")).map_err(|error| error.to_string())?;
    Ok(python)
}

/// The blocks of one language in the documentation.
fn examples(language: &str) -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/using/notebooks.md");
    let page = fs::read_to_string(page).unwrap();
    let fence = format!("```{language}\n");
    let mut blocks = page.split(&fence);
    blocks.next();
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

async fn rig_with_routes() -> Rig {
    let rig = Rig::new().await;
    let spans = (0..200_u8).map(|number| {
        let mut span =
            span(number + 1, 0, "GET /seats", 10 * u64::from(number), 1 + u64::from(number));
        span.trace_id = trace_id(&format!("{:x}", number + 1));
        span.attributes = vec![text("http.route", if number < 100 { "/seats" } else { "/fares" })];
        span.status = Some(sigyn_proto::otlp::trace::v1::Status {
            // Every fourth of /fares fails.
            code: if number >= 100 && number % 4 == 0 { 2 } else { 1 },
            message: String::new(),
        });
        span
    });
    rig.append(vec![of_service("seats", spans.collect())]).await;
    let mut slow = span(201, 0, "import", 0, 4_000);
    slow.trace_id = trace_id("fff");
    slow.kind = 1;
    rig.append(vec![of_service("jobs", vec![slow])]).await;
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_examples_work() {
    let python = match tokio::task::spawn_blocking(environment).await.unwrap() {
        Ok(python) => python,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "the packages are required here: {why}");
            println!("the examples of docs/using/notebooks.md are not tested: {why}");
            return;
        }
    };
    let rig = rig_with_routes().await;
    let base = format!("http://{}", rig.serve().await);
    let run = async |program: String| {
        let python = python.clone();
        let run = move || Command::new(python).args(["-c", &program]).output().unwrap();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    let python_examples = examples("python");
    let [durations, failures] = python_examples.as_slice() else {
        panic!("two examples are documented")
    };
    for example in [durations, failures] {
        assert!(example.contains(DOCUMENTED_BASE));
    }
    let described = run(durations.replace(DOCUMENTED_BASE, &base)).await;
    let row = described.lines().find(|line| line.contains("GET /seats")).unwrap();
    // How many, and the mean of 1 to 200 ms.
    let numbers: Vec<f64> = row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers[..2], [200.0, 100.5], "{described}");
    assert!(described.contains("import"));

    let by_route = run(failures.replace(DOCUMENTED_BASE, &base)).await;
    let shares: BTreeMap<&str, f64> = by_route
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(['│', '┆']).map(str::trim).collect();
            Some((*cells.get(2)?, cells.get(3)?.parse().ok()?))
        })
        .collect();
    assert_eq!(shares, BTreeMap::from([("/fares", 0.25), ("/seats", 0.0)]), "{by_route}");

    let commands = examples("sh");
    let slow = commands.iter().find(|block| block.contains("duckdb")).unwrap();
    let url = slow.split('\'').nth(1).unwrap().replace(DOCUMENTED_BASE, &base);
    let sql = slow.split_once("duckdb -c \"").unwrap().1.rsplit_once('"').unwrap().0;
    let sql = sql.replace("\\\"", "\"");
    let folder = tempfile::tempdir().unwrap();
    let program = format!(
        "import duckdb, json, os, urllib.request\n\
         os.chdir({:?})\n\
         urllib.request.urlretrieve({url:?}, 'spans.parquet')\n\
         print(json.dumps(duckdb.sql('''{sql}''').fetchall()))",
        folder.path()
    );
    let rows: serde_json::Value = serde_json::from_str(&run(program).await).unwrap();
    assert_eq!(rows, serde_json::json!([["jobs", true, 1, 4_000.0], ["seats", false, 200, 100.5]]));
}
