use pretty_assertions::assert_eq;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// An archive that this crate would not write.
fn archive(write: impl FnOnce(&mut ZipWriter<&mut File>)) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = ZipWriter::new(&mut file);
    write(&mut writer);
    writer.finish().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

fn files(files: &[(&str, &str)]) -> File {
    archive(|writer| {
        for (name, text) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
    })
}

/// Unpacks it, and gives what is said and all that is beside the directory afterwards.
fn unpack(
    archive: File,
    limits: &ExtractLimits,
) -> (Result<Vec<PathBuf>, Error>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("outside")).unwrap();
    let result = extract(archive, &dir.path().join("inside"), limits);
    assert_eq!(
        std::fs::read_dir(dir.path().join("outside"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    (result, dir)
}

#[track_caller]
fn refused(archive: File, why: &str) {
    let (result, _dir) = unpack(archive, &ExtractLimits::default());
    let error = result.unwrap_err().to_string();
    assert!(error.contains(why) && !error.contains('\n'), "{error}");
}

#[test]
fn files_and_directories_are_unpacked() {
    let archive = archive(|writer| {
        writer
            .add_directory("empty/", SimpleFileOptions::default())
            .unwrap();
        writer
            .start_file("a/b/c.txt", SimpleFileOptions::default())
            .unwrap();
        writer.write_all(b"text").unwrap();
    });
    let (result, dir) = unpack(archive, &ExtractLimits::default());
    assert_eq!(result.unwrap(), [PathBuf::from("a/b/c.txt")]);
    let inside = dir.path().join("inside");
    assert_eq!(std::fs::read(inside.join("a/b/c.txt")).unwrap(), b"text");
    assert!(inside.join("empty").is_dir());
}

#[test]
fn nothing_gets_out_of_the_directory() {
    for name in [
        "../outside/x",
        "a/../../outside/x",
        "/tmp/daglab-must-not-be-here",
        "..\\outside\\x",
        "C:/x",
        "a//b",
        "./a",
        "",
        "line\nend",
    ] {
        refused(files(&[(name, "text")]), "can't be");
    }
}

#[test]
fn links_are_refused_before_anything_goes_through_them() {
    let link = archive(|writer| {
        let options = SimpleFileOptions::default();
        writer.add_symlink("link", "../outside", options).unwrap();
        writer.start_file("link/x", options).unwrap();
    });
    refused(link, "neither a file nor a directory");
}

#[test]
fn a_file_is_not_also_a_directory() {
    refused(
        files(&[("a", "1"), ("a/b", "2")]),
        "a directory that is a file",
    );
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", dir.path().join("a")).unwrap();
    let error = extract(files(&[("a/b", "")]), dir.path(), &ExtractLimits::default());
    assert!(matches!(error, Err(Error::File { .. })));
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_stopped() {
    let limits = ExtractLimits {
        bytes: 100_000,
        ..ExtractLimits::default()
    };
    let zeros = "\0".repeat(100_000);
    let (result, _dir) = unpack(files(&[("a", &zeros)]), &limits);
    assert!(result.is_ok());
    // One file that is too long, and two that are so together.
    for archive in [
        files(&[("a", &format!("{zeros}{zeros}"))]),
        files(&[("a", &zeros), ("b", "x")]),
    ] {
        let (result, dir) = unpack(archive, &limits);
        assert!(matches!(result, Err(Error::TooLarge { .. })));
        let written = std::fs::metadata(dir.path().join("inside/a"))
            .unwrap()
            .len();
        assert!(written <= limits.bytes + 1);
    }
}

#[test]
fn an_archive_with_too_many_files_is_refused() {
    let limits = ExtractLimits {
        entries: 10,
        ..ExtractLimits::default()
    };
    let names: Vec<String> = (0..11).map(|index| index.to_string()).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert!(unpack(files(&all[..10]), &limits).0.is_ok());
    let (result, dir) = unpack(files(&all), &limits);
    assert!(matches!(result, Err(Error::TooLarge { .. })));
    assert_eq!(
        std::fs::read_dir(dir.path().join("inside"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_table_of_contents_can_not_fill_the_memory() {
    let names: Vec<String> = (0..5_000).map(|index| format!("{index:0>200}")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let limits = ExtractLimits {
        entries: 10,
        ..ExtractLimits::default()
    };
    let (result, _dir) = unpack(files(&all), &limits);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("table of contents is too large"), "{error}");
}

#[test]
fn what_is_no_archive_or_a_damaged_one_is_said() {
    let with = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    };
    refused(with(b"<html>"), "can't be unpacked");
    refused(with(b""), "can't be unpacked");
    let mut bytes = Vec::new();
    let text = "some text ".repeat(100);
    files(&[("a", &text)]).read_to_end(&mut bytes).unwrap();
    bytes[40] ^= 0xff;
    refused(with(&bytes), "can't be read");
    let half = bytes.len() / 2;
    refused(with(&bytes[..half]), "can't be unpacked");
}
