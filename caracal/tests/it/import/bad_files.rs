//! Files that cannot be read to their end, and options that do not fit: one clear line each.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn line(ns: u64, id: u64) -> String {
    let what = format!("'s':'ABCUSDT','t':{id},'p':'9.1','q':'1.0'");
    let json = format!("{{'e':'trade','E':7,{what},'T':6,'m':true,'M':true}}");
    format!("{ns} {}", json.replace('\'', "\""))
}

fn write(directory: &Path, name: &str, lines: &[String]) {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    file(directory, name, &lines);
}

/// What `report.json` of the data set says.
fn report(directory: &Path) -> Value {
    let text = std::fs::read_to_string(directory.join("set/report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

const CAPTURE: [&str; 4] = ["binance-capture", "capture", "--out", "set"];

#[test]
fn truncated_gzip_names_its_line_and_keeps_what_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for id in 1..=5_000 {
        writeln!(encoder, "{}", line(id * 7_919, id)).unwrap();
    }
    let whole = encoder.finish().unwrap();
    std::fs::write(directory.path().join("capture"), &whole[..whole.len() / 2]).unwrap();
    let said = refused(directory.path(), &CAPTURE);
    assert!(
        said.contains("capture line ") && said.contains("cut off"),
        "{said}"
    );
    assert!(said.contains("records before it are kept in set"), "{said}");
    check_form(directory.path(), "set");
    let report = report(directory.path());
    assert_eq!(report["complete"], false);
    let rows = report["rows"].as_u64().unwrap();
    assert!((1_000..5_000).contains(&rows), "{rows}");
    assert!(said.contains(&format!("line {}", rows + 1)), "{said}");
    assert_eq!(report["instruments"][0]["trades"], rows);
}

#[test]
fn file_that_is_cut_off_does_not_hide_the_steps_of_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (1..=400).map(|id| line(id * 10, id)).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(lines.join("\n").as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    std::fs::write(directory.path().join("capture"), &whole[..whole.len() / 2]).unwrap();
    let fine = line(5, 1).replace("ABC", "XYZ").replace("9.1", "9.125");
    write(directory.path(), "other", &[fine]);
    let said = refused(directory.path(), &[&CAPTURE[..], &["other"]].concat());
    assert!(said.contains("capture line "), "{said}");
    let report = report(directory.path());
    assert_eq!(report["instruments"][1]["tick"], "0.001");
    assert_eq!(report["instruments"][1]["trades"], 1);
    assert!(report["instruments"][0]["trades"].as_u64().unwrap() > 50);
    assert_eq!(report["findings"]["off_grid"]["count"], 0);
}

#[test]
fn unsorted_file_names_its_line_and_a_window_sorts_it() {
    let directory = tempfile::tempdir().unwrap();
    let lines = [
        line(10, 1),
        line(30, 2),
        line(40, 4),
        line(35, 3),
        line(50, 5),
    ];
    write(directory.path(), "capture", &lines);
    let said = refused(directory.path(), &CAPTURE);
    assert!(said.contains("capture line 4: is 5 ns earlier"), "{said}");
    assert_eq!(report(directory.path())["instruments"][0]["trades"], 3);
    check_form(directory.path(), "set");
    std::fs::remove_dir_all(directory.path().join("set")).unwrap();
    let sorted = [&CAPTURE[..], &["--sort-window", "1"]].concat();
    let report = imported(directory.path(), &sorted);
    assert_eq!(report["instruments"][0]["trades"], 5);
    assert_eq!(finding(&report, "local_clock_backwards"), (1, Some(4)));
    check_form(directory.path(), "set");
    let stamps: Vec<u64> = records(&directory.path().join("set"))
        .iter()
        .filter(|record| record.kind == model::record::Kind::Trade.code())
        .map(|record| record.stamp_ns)
        .collect();
    assert_eq!(stamps, [10, 30, 35, 40, 50]);
}

#[test]
fn row_that_is_too_late_for_the_window_names_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let lines = [
        line(10, 1),
        line(30, 2),
        line(40, 3),
        line(50, 4),
        line(5, 5),
    ];
    write(directory.path(), "capture", &lines);
    let said = refused(
        directory.path(),
        &[&CAPTURE[..], &["--sort-window", "2"]].concat(),
    );
    assert!(said.contains("capture line 5: is 45 ns earlier"), "{said}");
    assert_eq!(report(directory.path())["instruments"][0]["trades"], 4);
}

#[test]
fn wrong_format_another_instrument_and_an_existing_directory_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    file(there, "text", &["open,high,low,close"]);
    file(there, "json", &[r#"1 {"a":1}"#]);
    file(there, "answers", &[r#"1 {"result":null,"id":1}"#]);
    file(there, "empty", &[]);
    std::fs::write(there.join("bytes"), [0xff, 0xfe, 0x00, 0x0a]).unwrap();
    write(there, "capture", &[line(1, 1), line(2, 2)]);
    write(
        there,
        "other",
        &[line(1, 1), line(2, 2).replace("ABC", "XYZ")],
    );
    write(there, "odd", &[line(1, 1).replace("ABCUSDT", "ABC")]);
    let cases: &[(&[&str], &str)] = &[
        (
            &["text"],
            "text line 1: is not `<local time in nanoseconds> <JSON>`",
        ),
        (
            &["json"],
            "json: nothing in it is of format binance-capture",
        ),
        (
            &["answers"],
            "answers: nothing in it is of format binance-capture",
        ),
        (
            &["empty"],
            "empty: nothing in it is of format binance-capture",
        ),
        (&["bytes"], "bytes line 1: is no text"),
        (&["missing"], "missing: No such file"),
        (&["."], "is a directory"),
        (
            &["odd"],
            "base and quote of ABC cannot be told: give --base and --quote",
        ),
        (
            &["other", "--tick", "0.1"],
            "--tick holds for one instrument, and the files have 2",
        ),
        (
            &["capture", "--symbol", "XYZUSDT"],
            "capture line 1: is of instrument ABCUSDT",
        ),
    ];
    for (arguments, wanted) in cases {
        let said = refused(
            there,
            &[&["binance-capture", "--out", "set"], *arguments].concat(),
        );
        assert!(said.contains(wanted), "{arguments:?}: {said}");
        assert!(!there.join("set").exists(), "{arguments:?}");
    }
    std::fs::create_dir(there.join("full")).unwrap();
    std::fs::write(there.join("full/file"), "").unwrap();
    for (out, wanted) in [
        ("full", "is there already and not empty"),
        ("text", "is a file"),
    ] {
        let said = refused(there, &["binance-capture", "capture", "--out", out]);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn other_instrument_in_the_middle_ends_the_data_set_there() {
    let directory = tempfile::tempdir().unwrap();
    let lines = [line(1, 1), line(2, 2).replace("ABC", "XYZ"), line(3, 3)];
    write(directory.path(), "capture", &lines);
    let said = refused(
        directory.path(),
        &[&CAPTURE[..], &["--symbol", "ABCUSDT"]].concat(),
    );
    let wanted = "capture line 2: is of instrument XYZUSDT, and --symbol is ABCUSDT";
    assert!(said.contains(wanted), "{said}");
    assert_eq!(report(directory.path())["instruments"][0]["trades"], 1);
    check_form(directory.path(), "set");
}

#[test]
fn changed_file_beside_the_segments_is_found_by_verify() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "capture", &[line(1, 1)]);
    imported(directory.path(), &CAPTURE);
    let path = directory.path().join("set/days.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("1970-01-01", "1970-01-02")).unwrap();
    let mut command = caracal(directory.path());
    command.args(["verify", "set"]);
    let output = finish(command, Duration::from_secs(60));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("its hash is not the one in data-set.b3"),
        "{said}"
    );
}
