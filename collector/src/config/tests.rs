use super::*;
use std::{collections::BTreeMap, fs, path::Path};

fn environment(name: &str) -> Option<String> {
    (name == "REPLICA").then(|| "b".to_owned())
}

fn parse(text: &str) -> (Config, Vec<Warning>) {
    Config::parse(text, "test.yml", &environment).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Every file of a folder by name, with its text.
fn files(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let yaml = entries.filter(|path| path.extension().is_some_and(|ending| ending == "yml"));
    yaml.map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    })
    .collect()
}

/// Compares with the file beside it; `UPDATE_EXPECTED=1` writes it anew.
fn expect(folder: &str, name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/config")
        .join(folder)
        .join(name)
        .with_extension("expected");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, got).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, expected, "{}", path.display());
}

#[test]
fn bad_files_are_refused_with_all_their_faults() {
    for (name, text) in files("bad") {
        let errors = Config::parse(&text, &name, &environment).err();
        let errors = errors.unwrap_or_else(|| panic!("{name} must be refused"));
        let lines: String = errors.iter().map(|error| format!("{error}\n")).collect();
        expect("bad", &name, &lines);
    }
}

#[test]
fn good_files_print_what_they_mean() {
    for (name, text) in files("good") {
        let (config, warnings) = Config::parse(&text, &name, &environment)
            .unwrap_or_else(|errors| panic!("{name}: {}", errors[0]));
        let warnings: String = warnings.iter().map(|it| format!("# {it}\n")).collect();
        expect("good", &name, &format!("{warnings}{}", config.to_yaml()));
    }
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    for (name, text) in files("good") {
        let (config, _) = Config::parse(&text, &name, &environment).unwrap();
        let printed = config.to_yaml();
        for secret in ["pa$word", "hunter2"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        let again = Config::parse(&printed, &name, &|_| None)
            .unwrap_or_else(|errors| panic!("{name}: {}\n{printed}", errors[0]));
        assert_eq!(again.0.to_yaml(), printed);
    }
}

#[test]
fn a_timeout_above_an_interval_that_nobody_wrote_is_lowered() {
    let (config, warnings) = parse("scrape_configs: [{job_name: a, scrape_timeout: 9s}]");
    assert_eq!(config.scrape_configs[0].scrape_timeout, PrometheusDuration::from_seconds(5));
    assert_eq!(warnings.len(), 1);
    let (config, warnings) =
        parse("global: {scrape_timeout: 20s}\nscrape_configs: [{job_name: a}]");
    assert_eq!(config.scrape_configs[0].scrape_timeout, PrometheusDuration::from_seconds(5));
    assert_eq!(warnings, []);
}

#[test]
fn receivers_are_on_unless_the_section_says_otherwise() {
    let default = crate::receivers::Config::default();
    assert_eq!(parse("").0.receivers, default);
    assert_eq!(parse("receivers: {otlp: }").0.receivers, default);
    assert_eq!(parse("receivers: {}").0.receivers.otlp_grpc, None);
    let only_http = parse("receivers: {otlp: {http: }}").0.receivers;
    assert_eq!((only_http.otlp_grpc, only_http.otlp_http), (None, default.otlp_http));
    let everything = crate::receivers::JaegerConfig::everything();
    let zipkin = parse("receivers: {zipkin: }").0.receivers;
    assert_eq!((zipkin.zipkin.as_deref(), zipkin.otlp_http), (Some("0.0.0.0:9411"), None));
    assert_eq!(parse("receivers: {jaeger: }").0.receivers.jaeger, everything);
    let agent = parse("receivers: {jaeger: {thrift_compact: {endpoint: 127.0.0.1:1}}}").0.receivers;
    assert_eq!(agent.jaeger.thrift_compact.as_deref(), Some("127.0.0.1:1"));
    assert_eq!((agent.jaeger.grpc, agent.jaeger.thrift_http), (None, None));
}

#[test]
fn other_files_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "sigyn.yml",
        "prometheus_config_file: prometheus.yml\nscrape_config_files: ['more-*.yml']\n\
         scrape_configs: [{job_name: own}]",
    );
    write("more-1.yml", "scrape_configs: [{job_name: one}]");
    write("more-2.yml", "scrape_configs: [{job_name: two, file_sd_configs: [{files: [x.yml]}]}]");
    write(
        "prometheus.yml",
        "global: {scrape_interval: 15s, external_labels: {a: $REPLICA}}\n\
         alerting: {whatever: 1}\n\
         scrape_configs:\n\
         - {job_name: node, metrics_path: /m, static_configs: [{targets: ['n:1']}], new_key: 1}\n\
         - {job_name: left_out, oauth2: {client_id: x}}\n\
         - {job_name: dns, nomad_sd_configs: [{server: x}]}\n",
    );
    let path = folder.path().join("sigyn.yml");
    let (config, warnings) = Config::load_with(&path, &environment).unwrap();
    let jobs: Vec<_> = config.scrape_configs.iter().map(|job| job.job_name.as_str()).collect();
    assert_eq!(jobs, ["own", "one", "two", "node", "dns"]);
    assert_eq!(config.global.external_labels.get("a"), "b");
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert_eq!(config.files.len(), 4);
    let job = &config.scrape_configs[3];
    assert_eq!(job.scrape_interval, PrometheusDuration::from_seconds(15));
    assert_eq!((&*job.metrics_path, &*job.traces_path), ("/m", "/debug/spans"));
    assert_eq!(job.exemplars_path.as_deref(), Some("/m"));

    // The same name in two files; a fault names the file that it is in.
    write("more-2.yml", "scrape_configs: [{job_name: own, nope: 1}]");
    let errors = Config::load_with(&path, &environment).unwrap_err();
    assert!(
        errors[0].to_string().contains("more-2.yml:1:34: the key `nope` is unknown"),
        "{errors:?}"
    );
    write("more-2.yml", "scrape_configs: [{job_name: own}]");
    let errors = Config::load_with(&path, &environment).unwrap_err();
    assert!(errors[0].to_string().contains("is taken by the job at"), "{errors:?}");
}

#[test]
fn a_missing_file_is_a_fault() {
    let errors = Config::load(Path::new("/nowhere/sigyn.yml")).unwrap_err();
    assert!(errors[0].to_string().starts_with("/nowhere/sigyn.yml: cannot read it"), "{errors:?}");
}

proptest::proptest! {
    /// Whatever a file holds: it is taken or refused, and never panics.
    #[test]
    fn any_text_is_taken_or_refused(text in "[a-z:{}\\[\\] \n,$*&<'\"-]{0,60}") {
        let _ = Config::parse(&text, "x", &|_| None);
    }
}

#[tokio::test]
async fn an_inspection_names_what_would_fail() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("broken.json", "[{\"targets\": 5}]");
    write("ca.pem", "no certificate");
    write(
        "sigyn.yml",
        "scrape_configs:\n\
         - job_name: a\n  basic_auth: {username: x, password_file: gone}\n  tls_config: {ca_file: ca.pem}\n\
         - job_name: b\n  file_sd_configs: [{files: [broken.json, 'none-*.json']}]\n\
         - job_name: c\n  static_configs: [{targets: ['x:1']}]\n  relabel_configs: [{target_label: __address__, replacement: 'http://x'}]\n",
    );
    let (config, _) = Config::load(&folder.path().join("sigyn.yml")).unwrap();
    let Inspection { errors, warnings } = config.inspect().await;
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 4, "{shown:#?}");
    assert!(shown[0].contains("sigyn.yml:2:3: job \"a\": cannot read "), "{shown:#?}");
    assert!(shown[1].contains("tls_config.ca holds no PEM certificate"), "{shown:#?}");
    assert!(shown[2].contains("broken.json:1:14: expected a list here"), "{shown:#?}");
    assert!(shown[3].contains("the target \"x:1\" cannot be scraped"), "{shown:#?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_fingerprint_follows_contents_links_and_new_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (data, text) in [("..one", "scrape_configs: [{job_name: a}]"), ("..two", "global: {}")] {
        fs::create_dir(at(data)).unwrap();
        fs::write(at(data).join("more.yml"), text).unwrap();
    }
    // As a ConfigMap is mounted.
    std::os::unix::fs::symlink("..one", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/more.yml", at("more.yml")).unwrap();
    fs::write(at("sigyn.yml"), "scrape_config_files: [m*.yml]").unwrap();
    let (config, _) = Config::load(&at("sigyn.yml")).unwrap();
    let before = config.fingerprint(&[]);
    assert_eq!(before, config.fingerprint(&[]));
    std::os::unix::fs::symlink("..two", at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    let swapped = config.fingerprint(&[]);
    assert_ne!(before, swapped);
    fs::write(at("many.yml"), "").unwrap();
    assert_ne!(swapped, config.fingerprint(&[]));
}
