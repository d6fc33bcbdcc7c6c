//! Rows 27 to 30, 32 and 33: no room, no files, no rights, no writing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use journal::{AppendError, Durability, Folder, Space, Writer};
use rustix::mount::MountFlags;

use crate::child::Order;
use crate::common::{append, fault, small, wait_for};
use crate::oracle::{Chain, Ledger, recovered};
use crate::rigs;
use crate::rigs::loopfs::{LoopFs, Mount};

const SALT: u64 = 0x11;

/// Appends until the journal takes no more; what it said then, and how many records of warning
/// there were.
fn fill(writer: &mut Writer, chain: &mut Chain) -> (AppendError, u64) {
    let mut warned = 0;
    loop {
        if let Space::Low { .. } = writer.space() {
            warned += 1;
        }
        let record = chain.next(SALT);
        match append(writer, &record) {
            Ok(_) => chain.push(&record),
            Err(error) => return (error, warned),
        }
        // So that the helper keeps up, and the warning comes as early as it can.
        std::thread::sleep(Duration::from_micros(30));
    }
}

/// Fills the file system below a journal with something else, then the journal; frees it.
fn fill_and_free(row: &str, dir: &Path, hog: &Path) {
    let (mut writer, _) = Writer::open(dir, small(Durability::Process)).unwrap();
    let mut chain = Chain::default();
    let mut file = fs::File::create(hog).unwrap();
    for block in [1 << 16, 1 << 12, 1] {
        let bytes = vec![7; block];
        while file.write_all(&bytes).is_ok() {}
    }
    let (error, warned) = fill(&mut writer, &mut chain);
    assert!(
        matches!(error, AppendError::NoSpace { errno: 28 }),
        "{error}"
    );
    assert!(warned > 100, "warned only {warned} records before the end");
    let at_end = chain.n;
    drop(file);
    fs::remove_file(hog).unwrap();
    wait_for("it does not go on when there is room", || {
        writer.space() == Space::Enough
    });
    for _ in 0..100 {
        let record = chain.next(SALT);
        append(&mut writer, &record).unwrap();
        chain.push(&record);
    }
    drop(writer);
    let mut ledger = Ledger::new();
    ledger.begin(0, SALT);
    ledger.accepted = Some(chain.n);
    ledger.promised = chain.n;
    recovered(&Folder::on_disk(dir), &small(Durability::Process), &ledger);
    fault(
        row,
        &format!(
            "{at_end} records, the last {warned} of them with a warning, then refused; went on \
             when there was room; 0 lost, no SIGBUS"
        ),
    );
}

#[test]
#[ignore = "needs root, to mount a tmpfs"]
fn small_tmpfs_is_full() {
    if let Some(why) = rigs::missing() {
        return fault("27", &format!("not run: {why}"));
    }
    let base = tempfile::tempdir().unwrap();
    let flags = MountFlags::empty();
    let mount = Mount::new("none", base.path(), "tmpfs", flags, "size=1m").unwrap();
    fill_and_free("27", &base.path().join("journal"), &base.path().join("hog"));
    drop(mount);
}

#[test]
#[ignore = "needs root and loop devices"]
fn disk_is_filled_by_another() {
    if let Some(why) = rigs::missing() {
        return fault("29", &format!("not run: {why}"));
    }
    let disk = LoopFs::new(16);
    let hog = disk.mount().dir.join("hog");
    fill_and_free("29", &disk.dir(), &hog);
}

/// Runs a child under a limit of the shell's.
fn limited(limit: &str, role: &'static str, dir: &Path) -> Output {
    let mut order = Order::new(dir, SALT, Chain::default());
    order.role = role;
    let command = order.command();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell.output().unwrap()
}

fn probe_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("probe "));
    line.unwrap_or_default().to_owned()
}

fn journal_of(dir: &Path, count: u64) -> Ledger {
    let (mut writer, _) = Writer::open(dir, small(Durability::Process)).unwrap();
    let mut chain = Chain::default();
    for _ in 0..count {
        let record = chain.next(SALT);
        append(&mut writer, &record).unwrap();
        chain.push(&record);
    }
    drop(writer);
    let mut ledger = Ledger::new();
    ledger.begin(0, SALT);
    ledger.accepted = Some(count);
    ledger.promised = count;
    ledger
}

fn check_still_there(dir: &Path, ledger: &Ledger) {
    recovered(&Folder::on_disk(dir), &small(Durability::Process), ledger);
}

/// Goal: a limit on the size of files is an error that says so, or, where the process does not
/// ignore the signal, an end like a kill; the journal is whole either way.
#[test]
fn file_size_limit() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let ledger = journal_of(&dir, 60);
    // The next segments cannot be made: they are 64 KiB, the limit is 32.
    for id in 1..3 {
        fs::remove_file(crate::common::segment(&dir, id)).unwrap();
    }
    let ignored = limited("trap '' XFSZ; ulimit -f 32", "full", &dir);
    let text = String::from_utf8_lossy(&ignored.stdout);
    assert!(
        text.contains("failed no room for the next segment (errno 27)"),
        "{text}"
    );
    let killed = limited("ulimit -f 32", "full", &dir);
    assert_eq!(killed.status.signal(), Some(25), "{killed:?}");
    let mut ledger = ledger;
    ledger.accepted = None;
    ledger.begin(60, SALT);
    ledger.accepted = None;
    ledger.promised = 60;
    check_still_there(&dir, &ledger);
    fault(
        "28",
        "2 children under RLIMIT_FSIZE: one refused with EFBIG, one ended by SIGXFSZ, 0 lost",
    );
}

#[test]
fn too_few_files_or_too_little_memory() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let ledger = journal_of(&dir, 60);
    let mut refused = 0;
    for limit in 3..24 {
        let output = limited(&format!("ulimit -n {limit}"), "probe", &dir);
        let line = probe_line(&output);
        if line.starts_with("cannot ") {
            assert!(line.contains("Too many open files"), "{line}");
            refused += 1;
        }
    }
    assert!(refused > 0, "no limit was met");
    check_still_there(&dir, &ledger);
    fault(
        "32",
        &format!("21 limits on open files, {refused} refused by name, 0 lost"),
    );
}

/// Goal: what the system does not allow is refused with the reason, before anything is changed.
#[test]
fn no_rights_and_links_in_a_circle() {
    let base = tempfile::tempdir().unwrap();
    let circle = base.path().join("circle");
    symlink(&circle, &circle).unwrap();
    let error = Writer::open(&circle.join("journal"), small(Durability::Process))
        .err()
        .unwrap();
    assert!(error.to_string().contains("os error 40"), "{error}");
    let mut cases = 1;
    let dir = base.path().join("journal");
    let ledger = journal_of(&dir, 60);
    // A superuser may do everything; there another user must try.
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Order {
            role: "probe",
            ..Order::new(&dir, SALT, Chain::default())
        }
        .command();
        let binary = base.path().join("tests");
        fs::copy(command.get_program(), &binary).unwrap();
        let mut other = Command::new(&binary);
        other.args(command.get_args());
        for (name, value) in command.get_envs() {
            other.env(name, value.unwrap_or_default());
        }
        command = other;
        std::os::unix::process::CommandExt::uid(&mut command, 65_534);
        let line = probe_line(&command.output().unwrap());
        assert!(line.contains("os error 13"), "{line}");
        cases += 1;
    } else {
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o500)).unwrap();
        let error = Writer::open(&dir, small(Durability::Process))
            .err()
            .unwrap();
        assert!(error.to_string().contains("os error 13"), "{error}");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        cases += 1;
    }
    check_still_there(&dir, &ledger);
    fault(
        "33",
        &format!("{cases} cases (ELOOP, EACCES) refused with the reason, 0 lost"),
    );
}

#[test]
#[ignore = "needs root and loop devices"]
fn read_only_file_system() {
    if let Some(why) = rigs::missing() {
        return fault("33", &format!("not run: {why}"));
    }
    let mut disk = LoopFs::new(16);
    let ledger = journal_of(&disk.dir(), 60);
    disk.mount_read_only();
    let error = Writer::open(&disk.dir(), small(Durability::Process))
        .err()
        .unwrap();
    assert!(error.to_string().contains("os error 30"), "{error}");
    disk.start_again();
    check_still_there(&disk.dir(), &ledger);
    fault("33", "EROFS refused with the reason, 0 lost");
}

/// Goal: a file system that turns read-only under a writer (as ext4 does on an error): the sync
/// fails and is latched, nothing more is reported durable, what was is there.
#[test]
#[ignore = "needs root and loop devices"]
fn file_system_becomes_read_only() {
    if let Some(why) = rigs::missing() {
        return fault("30", &format!("not run: {why}"));
    }
    let mut disk = LoopFs::new(16);
    let dir = disk.dir();
    let interval = Durability::Interval(Duration::from_millis(5));
    let mut order = Order::new(&dir, SALT, Chain::default());
    order.durability = interval;
    order.pause = Duration::from_micros(100);
    let mut child = order.spawn();
    child.wait_open();
    wait_for("nothing becomes durable", || child.durable() > 50);
    // The kernel's own way to do what an error does.
    disk.mount().remount("abort").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let stuck = child.durable();
    let more = child.accepted() + 200;
    child.wait_accepted(more);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        child.durable(),
        stuck,
        "it reports durable on a read-only disk"
    );
    let reported = child.kill();
    let error = Writer::open(&dir, small(interval)).err().unwrap();
    assert!(error.to_string().contains("os error 30"), "{error}");
    disk.start_again();
    crate::rigs::loopfs::as_another_boot(&dir);
    let mut ledger = Ledger::new();
    ledger.begin(0, SALT);
    ledger.accepted = None;
    ledger.promised = reported.durable;
    recovered(&Folder::on_disk(&dir), &small(interval), &ledger);
    let (accepted, durable) = (reported.accepted, reported.durable);
    fault(
        "30",
        &format!(
            "1 file system aborted under load, {accepted} accepted, {durable} promised, latched, \
             the next open refused with EROFS, 0 promised lost"
        ),
    );
}
