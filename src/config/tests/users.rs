//! The users file: what is read from it, what is said when it is wrong, how it is changed, and which door it opens.

use std::path::PathBuf;

use config::{EditError, FileText, Override, PERMISSIONS, Sources, User, Users, load, load_values};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
const OTHER: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$b3RoZXJoYXNob3RoZXJoYXNob3RoZXJoYXNob3RoZXI";

fn user(name: &str, password: &str, roles: &[&str]) -> User {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    User { name: name.to_owned(), password: Some(password.to_owned()), certificate: None, roles }
}

fn parse(text: &str) -> Result<Users, String> {
    Users::parse(&FileText::new("users.toml", text)).map_err(|report| report.to_string())
}

#[test]
fn reads_users_and_grants_in_their_order() {
    let text = format!(
        "[user.zoe]\nroles = [\"ops\", \"amq\"]\npassword = \"{HASH}\"\n[permission.\"a.#\"]\nsend = [\"amq\"]\n\
         manage = []\n[user.\"Ann B\"]\npassword = '{OTHER}'\n[permission.\"#\"]\n"
    );
    let users = parse(&text).unwrap();
    assert_eq!(users.users, [user("zoe", HASH, &["ops", "amq"]), user("Ann B", OTHER, &[])]);
    assert_eq!(users.grants[0].addresses, "a.#");
    assert_eq!(users.grants[0].permissions, [("send", vec!["amq".to_owned()]), ("manage", vec![])]);
    assert_eq!((users.grants[1].addresses.as_str(), users.grants[1].permissions.len()), ("#", 0));
    assert!(!format!("{users:?}").contains("argon2id"), "hashes are not for logs");
    assert_eq!(parse("").unwrap(), Users::default());
}

#[test]
fn errors_name_their_place_and_never_a_password() {
    for (text, place, said) in [
        ("[user.a]\npassword = \"s3cr3t\"\n", "users.toml:2:12", "is no hash of a password"),
        (
            "[user.a]\npassword = \"$argon2id$v=19$m=9999999,t=2,p=1$s3cr3t$s3cr3t\"\n",
            "users.toml:2:12",
            "too much memory",
        ),
        ("[user.a]\npassword = s3cr3t\n", "users.toml:2:12", "not TOML"),
        ("[user.a]\npassword = 7\n", "users.toml:2:12", "no string"),
        ("[user.a]\nroles = []\n", "users.toml:1:7", "has no password"),
        ("[user]\na = \"s3cr3t\"\n", "users.toml:2:1", "no table"),
        ("[user.\"\"]\n", "users.toml:1:7", "it is empty"),
        ("[users.a]\n", "users.toml:1:2", "unknown key `users`"),
        ("[permission.\"#\"]\nsendd = []\n", "users.toml:2:1", "did you mean `send`?"),
        ("[permission.\"#\"]\nsend = \"amq\"\n", "users.toml:2:8", "no list"),
        ("[permission.\"#\"]\nsend = [7]\n", "users.toml:2:9", "no string"),
        ("[permission]\n\"#\" = 7\n", "users.toml:2:1", "no table"),
    ] {
        let report = parse(text).unwrap_err();
        assert!(report.contains(place) && report.contains(said), "{text}\n{report}");
        assert!(!report.contains("s3cr3t"), "{text}\n{report}");
    }
    // The control of the last line: a name is repeated.
    assert!(parse("[user.s3cr3t]\n").unwrap_err().contains("s3cr3t"));
}

#[test]
fn lists_have_bounds() {
    let many: String = (0..=config::USERS_MAX).map(|n| format!("[user.u{n}]\npassword = \"{HASH}\"\n")).collect();
    assert!(parse(&many).unwrap_err().contains("too many users"));
    let roles: Vec<String> = (0..100).map(|n| format!("\"r{n}\"")).collect();
    assert!(
        parse(&format!("[permission.\"#\"]\nsend = [{}]\n", roles.join(","))).unwrap_err().contains("too many roles")
    );
    let grants: String = (0..2_000).map(|n| format!("[permission.\"a{n}\"]\n")).collect();
    assert!(parse(&grants).unwrap_err().contains("too many matches"));
}

#[test]
fn garbage_is_answered() {
    let good = format!("[user.a]\npassword = \"{HASH}\"\nroles = [\"x\"]\n[permission.\"#\"]\nsend = [\"x\"]\n");
    for cut in 0..good.len() {
        let _answered = parse(&good[..cut]);
        for other in ["[", "\"", "=", "\0", "é", "\n", "]", "{", "."] {
            let _answered = parse(&format!("{}{other}{}", &good[..cut], &good[cut + 1..]));
        }
    }
}

#[test]
fn a_file_is_made_and_changed_and_the_rest_of_it_stays() {
    let new = FileText::new_users("users.toml", "amq");
    let grants = Users::parse(&new).unwrap().grants;
    assert_eq!(grants[0].permissions.len(), PERMISSIONS.len());
    let one = new.with_user(&user("ann", HASH, &["amq"])).unwrap();
    let two = one.with_user(&user("b \"c\" \\", OTHER, &[])).unwrap();
    let names =
        |file: &FileText| Users::parse(file).unwrap().users.into_iter().map(|user| user.name).collect::<Vec<_>>();
    assert_eq!(names(&two), ["ann", "b \"c\" \\"]);
    assert!(matches!(two.with_user(&user("ann", HASH, &[])), Err(EditError::Exists(_))));
    let reset = two.with_password("ann", OTHER, None).unwrap();
    assert_eq!(Users::parse(&reset).unwrap().users[0], user("ann", OTHER, &["amq"]));
    let roles = ["x".to_owned(), "y".to_owned()];
    let reset = two.with_password("ann", OTHER, Some(&roles)).unwrap();
    assert_eq!(Users::parse(&reset).unwrap().users[0], user("ann", OTHER, &["x", "y"]));
    let removed = two.without_user("ann").unwrap();
    assert_eq!(names(&removed), ["b \"c\" \\"]);
    assert_eq!(Users::parse(&removed).unwrap().grants, grants);
    assert!(matches!(removed.without_user("ann"), Err(EditError::Missing(_))));
    assert!(matches!(removed.with_password("ann", HASH, None), Err(EditError::Missing(_))));
    // Comments stay, wherever they are not a part of the user that goes.
    let commented = FileText::new(
        "u",
        format!("# keep\n[user.a]\npassword = '{HASH}'\nroles = [ # r\n 'x',\n]\n[user.b]\npassword = '{HASH}'\n"),
    );
    let changed = commented.with_password("b", OTHER, Some(&roles)).unwrap();
    assert!(changed.text().contains("# keep") && changed.text().contains("# r"));
    assert_eq!(names(&commented.without_user("a").unwrap()), ["b"]);
    assert!(commented.without_user("a").unwrap().text().contains("# keep"));
}

#[test]
fn a_user_without_a_password_gets_one() {
    let text = "[user.\"a b\"] # hers\n# keep\ncertificate = 'CN=a'\n[user.b]\npassword = 'x'\n";
    let file = FileText::new("u", text.replace("'x'", &format!("'{HASH}'")));
    for roles in [None, Some(["x".to_owned()])] {
        let changed = file.with_password("a b", OTHER, roles.as_ref().map(|roles| roles.as_slice())).unwrap();
        let users = Users::parse(&changed).unwrap().users;
        let named = |name: &str| users.iter().find(|user| user.name == name).unwrap();
        assert_eq!(named("a b").password.as_deref(), Some(OTHER));
        assert_eq!(
            (named("a b").certificate.as_deref(), named("a b").roles.len()),
            (Some("CN=a"), usize::from(roles.is_some()))
        );
        assert_eq!(named("b").password.as_deref(), Some(HASH));
        assert!(changed.text().starts_with("[user.\"a b\"] # hers\n") && changed.text().contains("\n# keep\n"));
    }
}

#[test]
fn what_is_written_otherwise_is_left_to_a_person() {
    let inline =
        FileText::new("u", format!("user = {{ a = {{ password = '{HASH}' }}, b = {{ password = '{HASH}' }} }}\n"));
    assert_eq!(Users::parse(&inline).unwrap().users.len(), 2);
    assert!(matches!(inline.without_user("a"), Err(EditError::Form(_))));
    assert!(matches!(inline.with_user(&user("c", HASH, &[])), Err(EditError::Form(_))));
    let wrong = FileText::new("u", "[user.a]\n");
    assert!(matches!(wrong.without_user("a"), Err(EditError::Invalid(_))));
}

/// A directory for users files, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringmq-config-{name}-{}", std::process::id()));
        // Without it every test that writes there fails and says so.
        let _made = std::fs::create_dir_all(&path);
        Self(path)
    }

    fn load(&self, settings: &[(&str, &str)]) -> Result<config::Config, String> {
        load(&self.sources(settings)).map_err(|report| report.to_string())
    }

    fn sources(&self, settings: &[(&str, &str)]) -> Sources {
        let set = |path: &str, value: &str| Override {
            path: path.to_owned(),
            value: value.to_owned(),
            option: "--set".to_owned(),
        };
        let data = set("data-directory", &self.0.display().to_string());
        let command_line = std::iter::once(data).chain(settings.iter().map(|(path, value)| set(path, value))).collect();
        Sources { command_line, ..Sources::default() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_user_opens_the_door_to_others() {
    let (folder, open) = (Folder::new("door"), [("acceptor.host", "0.0.0.0")]);
    let file = folder.0.join("users.toml");
    assert!(folder.load(&[]).unwrap().users.is_none(), "no file: nobody has to log in");
    assert!(folder.load(&open).unwrap_err().contains("there are no users"));
    std::fs::write(&file, "[permission.\"#\"]\n").unwrap();
    assert_eq!(
        folder.load(&[]).unwrap().users,
        Some(Users { users: vec![], ..folder.load(&[]).unwrap().users.unwrap() })
    );
    assert!(folder.load(&open).unwrap_err().contains("the users file names no user"));
    std::fs::write(&file, format!("[user.a]\npassword = '{HASH}'\n")).unwrap();
    assert_eq!(folder.load(&open).unwrap().users.unwrap().users.len(), 1);
    std::fs::write(&file, "[user.a]\npassword = 'no hash'\n").unwrap();
    for settings in [&open[..], &[]] {
        let report = folder.load(settings).unwrap_err();
        assert!(report.contains("users.toml:2:12") && !report.contains("refusing"), "{report}");
    }
    assert!(load_values(&folder.sources(&open)).is_ok(), "whoever makes the first user needs the settings");
}

#[test]
fn a_file_that_is_named_and_not_there_does_not_open_the_broker() {
    let folder = Folder::new("named");
    let report = folder.load(&[("users-file", "people.toml")]).unwrap_err();
    assert!(report.contains("people.toml, which is not there"), "{report}");
    std::os::unix::fs::symlink("/nowhere/users.toml", folder.0.join("users.toml")).unwrap();
    let report = folder.load(&[]).unwrap_err();
    assert!(report.contains("the users file cannot be read"), "{report}");
}

#[test]
fn a_user_may_be_known_by_a_certificate() {
    let users = parse("[user.a]\ncertificate = \"cn=orders, O=Example\"\nroles = [\"x\"]\n").unwrap();
    let expected =
        User { password: None, certificate: Some("CN=orders,O=Example".to_owned()), ..user("a", "", &["x"]) };
    assert_eq!(users.users, std::slice::from_ref(&expected));
    let text = FileText::new("u", "").with_user(&expected).unwrap();
    assert_eq!(Users::parse(&text).unwrap(), users, "it is written as it is read");
    for (text, place, said) in [
        ("[user.a]\ncertificate = \"orders\"\n", "users.toml:2:15", "no name of a subject"),
        ("[user.a]\ncertificate = 7\n", "users.toml:2:15", "no name of a subject"),
        (
            "[user.a]\ncertificate = \"CN=x\"\n[user.b]\ncertificate = \"cn = x\"\n",
            "users.toml:4:15",
            "the certificate of `b` is that of `a` too",
        ),
    ] {
        let report = parse(text).unwrap_err();
        assert!(report.contains(place) && report.contains(said), "{text}\n{report}");
    }
}
