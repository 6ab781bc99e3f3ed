//! The rules of `verify`, one by one.

use airlock_trust::{
    KeyId, MAX_SIGNATURE_FILES, MAX_SIGNATURE_SIZE, Outcome, Policy, SecretKey, SignatureError,
    SigstoreBundle, TrustError, Unchecked, sign_blob, verify,
};
use serde_json::{Value, json};

const INDEX: &[u8] = br#"{"name":"edge-site","sequence":7}"#;

fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

fn trusting(keys: &[&SecretKey]) -> Policy {
    Policy::new(keys.iter().map(|key| key.public().clone())).unwrap()
}

fn signed(key: &SecretKey) -> (String, Vec<u8>) {
    let signature = sign_blob(key, INDEX);
    (signature.path(), signature.to_json())
}

/// A signature file by `key` with one change made to it.
fn changed(key: &SecretKey, change: impl FnOnce(&mut Value)) -> (String, Vec<u8>) {
    let mut value: Value = serde_json::from_slice(&sign_blob(key, INDEX).to_json()).unwrap();
    change(&mut value);
    ("changed".to_owned(), serde_json::to_vec(&value).unwrap())
}

/// Why the only file does not count.
fn reason(file: (String, Vec<u8>), policy: &Policy) -> SignatureError {
    match verify(INDEX, &[file], policy) {
        Err(TrustError::NotEstablished(verdict)) => match outcomes(*verdict).pop() {
            Some(Outcome::Invalid(error)) => error,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn outcomes(verdict: airlock_trust::Verdict) -> Vec<Outcome> {
    verdict
        .into_findings()
        .into_iter()
        .map(|finding| finding.outcome)
        .collect()
}

#[test]
fn the_verified_bytes_are_the_given_bytes() {
    let key = key();
    let verified = verify(INDEX, &[signed(&key)], &trusting(&[&key])).unwrap();
    assert_eq!(verified.bytes(), INDEX);
    assert_eq!(verified.digest(), sign_blob(&key, INDEX).digest());
    assert_eq!(
        verified.verdict().established().collect::<Vec<_>>(),
        [key.public().key_id()]
    );
    assert_eq!(&*verified.into_bytes(), INDEX);
    // An owned index gives an owned result.
    let owned: airlock_trust::Verified<'static> =
        verify(INDEX.to_vec(), &[signed(&key)], &trusting(&[&key])).unwrap();
    assert_eq!(owned.bytes(), INDEX);
}

#[test]
fn an_unsigned_bundle_is_refused() {
    let none: [(&str, &[u8]); 0] = [];
    let error = verify(INDEX, &none, &trusting(&[&key()])).unwrap_err();
    assert!(matches!(error, TrustError::Unsigned));
    assert!(error.hint().unwrap().contains("airlock sign"));
}

#[test]
fn an_unknown_key_is_reported_with_those_that_are_trusted() {
    let (signer, trusted) = (key(), key());
    let error = verify(INDEX, &[signed(&signer)], &trusting(&[&trusted])).unwrap_err();
    let hint = error.hint().unwrap();
    assert_eq!(
        hint,
        format!(
            "the bundle is signed by key {}, which is not among the trusted ones: {}",
            signer.public().key_id(),
            trusted.public().key_id()
        )
    );
    assert!(matches!(
        error.verdict().unwrap().findings()[0].outcome,
        Outcome::UnknownKey(id) if id == signer.public().key_id()
    ));
}

#[test]
fn a_hint_alone_establishes_nothing() {
    let (attacker, trusted) = (key(), key());
    let policy = trusting(&[&trusted]);
    for hint in [
        trusted.public().key_id().to_string(),
        base64(trusted.public().key_id()),
    ] {
        let file = changed(&attacker, |value| {
            value["verificationMaterial"]["publicKey"]["hint"] = hint.into();
        });
        assert!(
            matches!(reason(file, &policy), SignatureError::Wrong(id) if id == trusted.public().key_id())
        );
    }
}

fn base64(id: KeyId) -> String {
    use base64::Engine as _;
    let hex = id.to_string();
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn the_hint_may_be_in_base64() {
    let key = key();
    let file = changed(&key, |value| {
        value["verificationMaterial"]["publicKey"]["hint"] = base64(key.public().key_id()).into();
    });
    let _ = verify(INDEX, &[file], &trusting(&[&key])).unwrap();
}

#[test]
fn one_key_counts_once() {
    let (first, second, third) = (key(), key(), key());
    let policy = trusting(&[&first, &second, &third]).with_threshold(2).unwrap();
    let twice = [
        signed(&first),
        signed(&first),
        ("copy".to_owned(), signed(&first).1),
    ];
    let error = verify(INDEX, &twice, &policy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the bundle is not established: 1 of 2 required signatures by trusted keys"
    );
    let hint = error.hint().unwrap();
    assert!(
        hint.starts_with(&format!("it is signed by {}; 1 more", first.public().key_id())),
        "{hint}"
    );
    let open = &hint[hint.rfind(':').unwrap()..];
    assert!(!open.contains(&first.public().key_id().to_string()));
    assert!(open.contains(&third.public().key_id().to_string()));

    let verified = verify(INDEX, &[signed(&first), signed(&third)], &policy).unwrap();
    assert_eq!(verified.verdict().established().count(), 2);
}

#[test]
fn unknown_keys_and_junk_neither_count_nor_spoil() {
    let (trusted, unknown) = (key(), key());
    let policy = trusting(&[&trusted]);
    let wrong = changed(&unknown, |value| {
        value["verificationMaterial"]["publicKey"]["hint"] = trusted.public().key_id().to_string().into();
    });
    let files = [
        ("junk".to_owned(), b"junk".to_vec()),
        wrong,
        signed(&unknown),
        signed(&trusted),
    ];
    let verified = verify(INDEX, &files, &policy).unwrap();
    let outcomes: Vec<_> = verified
        .verdict()
        .findings()
        .iter()
        .map(|finding| &finding.outcome)
        .collect();
    assert!(matches!(
        outcomes[..],
        [
            Outcome::Invalid(SignatureError::Json(_)),
            Outcome::Invalid(SignatureError::Wrong(_)),
            Outcome::UnknownKey(_),
            Outcome::Established { .. }
        ]
    ));
    let error = verify(INDEX, &files[..3], &policy).unwrap_err();
    assert_eq!(error.verdict().unwrap().findings().len(), 3);
}

#[test]
fn the_stated_digest_must_be_there_and_right() {
    let key = key();
    let policy = trusting(&[&key]);
    let missing = changed(&key, |value| {
        value["messageSignature"]
            .as_object_mut()
            .unwrap()
            .remove("messageDigest");
    });
    assert!(matches!(
        reason(missing, &policy),
        SignatureError::Missing("messageSignature.messageDigest")
    ));

    let other = sign_blob(&key, b"other");
    let stated: Value = serde_json::from_slice(&other.to_json()).unwrap();
    let swapped = changed(&key, |value| {
        value["messageSignature"]["messageDigest"] = stated["messageSignature"]["messageDigest"].clone();
    });
    assert!(
        matches!(reason(swapped, &policy), SignatureError::Digest { stated, .. } if *stated == other.digest())
    );

    let algorithm = changed(&key, |value| {
        value["messageSignature"]["messageDigest"]["algorithm"] = "SHA2_512".into();
    });
    assert!(matches!(
        reason(algorithm, &policy),
        SignatureError::DigestAlgorithm(_)
    ));
}

#[test]
fn a_signature_of_another_index_is_refused() {
    let key = key();
    let other = sign_blob(&key, b"other");
    let error = verify(INDEX, &[(other.path(), other.to_json())], &trusting(&[&key])).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("another index") && hint.contains("get the bundle again"),
        "{hint}"
    );
}

#[test]
fn other_formats_are_refused_by_name() {
    let key = key();
    let policy = trusting(&[&key]);
    for media_type in [
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle.v0.4+json",
        "",
    ] {
        let file = changed(&key, |value| {
            value["mediaType"] = media_type.into();
            value["somethingNew"] = 1.into();
        });
        assert!(matches!(reason(file, &policy), SignatureError::MediaType(text) if text == media_type));
    }
    let dsse = changed(&key, |value| value["dsseEnvelope"] = json!({"payload": ""}));
    assert!(matches!(reason(dsse, &policy), SignatureError::DsseEnvelope));
    for field in ["certificate", "x509CertificateChain"] {
        let file = changed(&key, |value| value["verificationMaterial"][field] = json!({}));
        assert!(matches!(reason(file, &policy), SignatureError::Certificate));
    }
}

#[test]
fn two_readings_of_one_file_are_refused() {
    let key = key();
    let (name, file) = signed(&key);
    let text = String::from_utf8(file).unwrap();
    let hint = r#""hint":"#;
    let twice = text.replace(hint, &format!(r#"{hint}"x",{hint}"#));
    assert_ne!(twice, text);
    assert!(matches!(
        reason((name, twice.into_bytes()), &trusting(&[&key])),
        SignatureError::Json(_)
    ));
    let unknown = changed(&key, |value| value["extra"] = 1.into());
    assert!(matches!(
        reason(unknown, &trusting(&[&key])),
        SignatureError::Json(_)
    ));
}

#[test]
fn evidence_that_is_not_checked_is_said_to_be() {
    let key = key();
    let file = changed(&key, |value| {
        value["verificationMaterial"]["tlogEntries"] = json!([{"logIndex": "1"}]);
        value["verificationMaterial"]["timestampVerificationData"] = json!({"rfc3161Timestamps": [{}]});
    });
    let verified = verify(INDEX, &[file], &trusting(&[&key])).unwrap();
    let finding = &verified.verdict().findings()[0];
    assert!(matches!(
        &finding.outcome,
        Outcome::Established { unchecked, .. } if unchecked[..] == [Unchecked::TransparencyLog, Unchecked::Timestamp]
    ));
    assert!(
        finding
            .to_string()
            .ends_with("transparency log entry not checked; timestamp not checked")
    );
    let empty = changed(&key, |value| {
        value["verificationMaterial"]["tlogEntries"] = json!([]);
        value["verificationMaterial"]["timestampVerificationData"] = Value::Null;
    });
    let verified = verify(INDEX, &[empty], &trusting(&[&key])).unwrap();
    assert!(matches!(
        &verified.verdict().findings()[0].outcome,
        Outcome::Established { unchecked, .. } if unchecked.is_empty()
    ));
}

#[test]
fn too_many_or_too_large_files_are_refused_unread() {
    let key = key();
    let policy = trusting(&[&key]);
    let at_limit = vec![signed(&key); MAX_SIGNATURE_FILES];
    let _ = verify(INDEX, &at_limit, &policy).unwrap();
    let many = vec![signed(&key); MAX_SIGNATURE_FILES + 1];
    assert!(matches!(
        verify(INDEX, &many, &policy),
        Err(TrustError::TooManySignatures(33))
    ));

    let (name, mut file) = signed(&key);
    file.resize(MAX_SIGNATURE_SIZE, b' ');
    let _ = verify(INDEX, &[(&name, &file)], &policy).unwrap();
    file.push(b' ');
    assert!(matches!(
        verify(INDEX, &[(&name, &file)], &policy),
        Err(TrustError::SignatureTooLarge { size, .. }) if size == MAX_SIGNATURE_SIZE + 1
    ));
}

#[test]
fn a_report_cannot_write_to_the_terminal() {
    let key = key();
    let name = "\u{1b}[2Jsignatures/x";
    let error = verify(INDEX, &[(name, b"")], &trusting(&[&key])).unwrap_err();
    let text = error.verdict().unwrap().findings()[0].to_string() + &error.hint().unwrap();
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn signing_is_deterministic_and_reads_back() {
    let key = key();
    let signature = sign_blob(&key, INDEX);
    assert_eq!(signature.to_json(), sign_blob(&key, INDEX).to_json());
    assert_eq!(SigstoreBundle::parse(&signature.to_json()).unwrap(), signature);
    assert_eq!(
        signature.path(),
        format!("signatures/{}.sigstore.json", key.public().key_id())
    );
}
