//! What the server's process has used.

use sigyn_rig::Server;
use std::process::Command;

/// User and system time of the server, all threads.
pub(crate) fn cpu_seconds(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process_id()))
        .expect("the server runs on Linux");
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap_or(0.0)).sum();
    ticks / ticks_per_second()
}

fn ticks_per_second() -> f64 {
    let output = Command::new("getconf").arg("CLK_TCK").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(100.0)
}

/// Its largest resident set.
pub(crate) fn peak_memory_bytes(server: &Server) -> u64 {
    memory_bytes(server, "VmHWM:")
}

/// Its resident set now.
pub(crate) fn resident_bytes(server: &Server) -> u64 {
    memory_bytes(server, "VmRSS:")
}

fn memory_bytes(server: &Server, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id()))
        .expect("the server runs on Linux");
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    let kilobytes: u64 =
        line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    kilobytes * 1024
}
