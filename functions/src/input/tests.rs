use super::*;
use contacts::model::{Email, Name, Phone};

#[derive(Debug)]
struct Parsed {
    phone: Phone,
    name: Patch<Name>,
    email: Option<Email>,
    metadata: Patch<Metadata>,
}

fn read(body: &str) -> Result<Parsed, Error> {
    Input::from_json(body.as_bytes())?.parse(|input| {
        let phone = input.required("phone");
        let name = input.patch("name");
        let email = input.optional("email");
        let metadata = input.metadata("metadata");
        Ok(Parsed { phone: phone?, name: name?, email: email?, metadata: metadata? })
    })
}

#[track_caller]
fn violations(body: &str) -> Vec<(String, Violation)> {
    match read(body) {
        Err(Error::Invalid(violations)) => violations.into_iter().map(|each| (each.path, each.violation)).collect(),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn omitted_empty_and_given_values_differ() {
    let input = read(r#" {"phone":" +1 415 555 0123 ","name":"","email":null,"metadata":null,"x":1} "#).unwrap();
    assert_eq!(input.phone.as_str(), "+14155550123");
    assert_eq!((input.name, input.email, input.metadata), (Patch::Clear, None, Patch::Clear));

    let input = read(r#"{"phone":"+14155550123","name":" Jos\u00e9 ","metadata":[]}"#).unwrap();
    assert_eq!(input.name, Patch::Set("José".parse().unwrap()));
    assert_eq!(input.metadata, Patch::Set(Metadata::default()));

    let input = read(r#"{"phone":"+14155550123"}"#).unwrap();
    assert_eq!((input.name, input.metadata), (Patch::Keep, Patch::Keep));
}

#[test]
fn null_and_empty_metadata_can_count_as_omitted() {
    let read = |body: &str| {
        let input = Input::from_json(body.as_bytes())?;
        input.parse(|input| {
            let name = input.patch_unless_null::<Name>("name");
            let metadata = input.metadata_unless_empty("metadata");
            Ok((name?, metadata?))
        })
    };
    for body in ["{}", r#"{"name":null,"metadata":null}"#, r#"{"metadata":{}}"#, r#"{"metadata":[ ]}"#] {
        assert_eq!(read(body).unwrap(), (Patch::Keep, Patch::Keep), "{body}");
    }
    assert_eq!(read(r#"{"name":" ","metadata":""}"#).unwrap(), (Patch::Clear, Patch::Clear));
    let (name, metadata) = read(r#"{"name":"Jane","metadata":{"a":null}}"#).unwrap();
    assert_eq!(name, Patch::Set("Jane".parse().unwrap()));
    assert_eq!(metadata, Patch::Set(Metadata::parse(r#"{"a":null}"#).unwrap()));
    assert!(read(r#"{"name":5}"#).is_err() && read(r#"{"metadata":[1]}"#).is_err());
}

#[test]
fn invisible_characters_are_trimmed() {
    let input =
        read("{\"phone\":\"\u{200e}+14155550123\u{2060}\",\"name\":\"\u{feff}\\u00a0\",\"metadata\":\"\u{200b}\"}");
    let input = input.unwrap();
    assert_eq!((input.phone.as_str(), input.name, input.metadata), ("+14155550123", Patch::Clear, Patch::Clear));
}

#[test]
fn unknown_fields_are_violations_of_a_strict_input_only() {
    let body = r#"{"phone":"+14155550123","Name":"x","tenant":{},"emails":null}"#;
    assert!(read(body).is_ok());
    let parse = |body: &str| {
        let mut input = Input::from_json(body.as_bytes()).unwrap().strict();
        input.know("tenant");
        input.parse(|input| {
            let (phone, name, email) =
                (input.required::<Phone>("phone"), input.patch::<Name>("name"), input.optional::<Email>("email"));
            Ok((phone?, name?, email?))
        })
    };
    let Err(Error::Invalid(violations)) = parse(body) else { panic!("{body}") };
    let messages: Vec<String> = violations.iter().map(FieldViolation::message).collect();
    assert_eq!(
        messages,
        [
            "The Name field is unknown; the nearest known name is name.",
            "The emails field is unknown; the nearest known name is email."
        ]
    );
    let Err(Error::Invalid(violations)) = parse(r#"{"fone":"+14155550123"}"#) else { panic!("fone") };
    let paths: Vec<&str> = violations.iter().map(|each| each.path.as_str()).collect();
    assert_eq!(paths, ["phone", "fone"]);
    assert!(parse(r#"{"phone":"+14155550123","name":null,"email":"","tenant":5}"#).is_ok());
}

#[test]
fn all_violations_are_reported_at_once() {
    assert_eq!(
        violations(r#"{"name":5,"email":"nobody","metadata":"x"}"#),
        [
            ("phone".to_owned(), Violation::Required),
            ("name".to_owned(), Violation::NotString),
            ("email".to_owned(), Violation::NotEmail),
            ("metadata".to_owned(), Violation::NotObject)
        ]
    );
    assert_eq!(
        violations(r#"{"phone":["+14155550123"],"name":"a\u0000"}"#),
        [("phone".to_owned(), Violation::NotString), ("name".to_owned(), Violation::Control)]
    );
    assert_eq!(violations(r#"{"phone":true}"#), [("phone".to_owned(), Violation::NotString)]);
}

#[test]
fn values_of_other_shapes_are_read_or_refused() {
    let list = |body: &str| {
        let input = Input::from_json(body.as_bytes())?;
        input.parse(|input| input.json::<Vec<u8>>("list", Violation::NotObject))
    };
    assert_eq!(list(r#"{"list":[1,2]}"#).unwrap(), Some(vec![1, 2]));
    assert_eq!((list("{}").unwrap(), list(r#"{"list":null}"#).unwrap()), (None, None));
    for body in [r#"{"list":["1"]}"#, r#"{"list":{}}"#, r#"{"list":""}"#] {
        let Err(Error::Invalid(violations)) = list(body) else { panic!("{body}") };
        assert_eq!((&*violations[0].path, violations[0].violation), ("list", Violation::NotObject));
    }
}

#[test]
fn counts_are_whole_numbers_in_their_range() {
    let count = |body: &str| Input::from_json(body.as_bytes())?.parse(|input| input.count("limit", 100));
    for (given, read) in [("1", 1), ("7", 7), ("7.0", 7), ("1e1", 10), ("100", 100)] {
        assert_eq!(count(&format!(r#"{{"limit":{given}}}"#)).unwrap(), Some(read), "{given}");
    }
    for body in ["{}", r#"{"limit":null}"#, r#"{"limit":""}"#] {
        assert_eq!(count(body).unwrap(), None, "{body}");
    }
    for value in ["0", "101", "-1", "1.5", "0.1", "1e400", r#""50""#, "true", "[7]", "{}", "4294967297"] {
        let Err(Error::Invalid(violations)) = count(&format!(r#"{{"limit":{value}}}"#)) else { panic!("{value}") };
        assert_eq!(violations[0].message(), "The limit must be a whole number from 1 to 100.", "{value}");
    }
}

#[test]
fn an_empty_body_counts_as_an_empty_object() {
    for body in ["", "  ", "{}", "[]", " [ ] "] {
        assert_eq!(violations(body), [("phone".to_owned(), Violation::Required)], "{body:?}");
    }
}

#[test]
fn anything_but_an_object_is_malformed() {
    for body in ["{", "nonsense", "[1]", "null", "5", "\"{}\"", "{} {}", "{\"phone\":\"a\u{0}\"}", "{'phone':1}"] {
        assert!(matches!(read(body), Err(Error::Malformed)), "{body:?}");
    }
    assert!(matches!(Input::from_json(b"{\"phone\":\"\xff\"}"), Err(Error::Malformed)));
}

#[test]
fn violations_of_list_elements_have_a_path() {
    let contact = serde_json::from_str(r#"{"phone":"nonsense"}"#).unwrap();
    let parsed = Input::element("contacts", 3, contact).unwrap().parse(|input| input.required::<Phone>("phone"));
    let Err(Error::Invalid(violations)) = parsed else { panic!("{parsed:?}") };
    assert_eq!(violations[0].path, "contacts.3.phone");
    assert_eq!(violations[0].message(), "The contacts.3.phone must be in international format, starting with +.");
}
