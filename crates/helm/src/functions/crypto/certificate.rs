//! Certificates as Go's `x509.CreateCertificate` makes them of Sprig's template.

use crate::format::lossy;
use std::net::IpAddr;

use super::{
    super::{
        args::{Outcome, any, int, items, string},
        dates::certificate_time,
        keys::{Size, rsa_key},
        random::Rng,
        strings::decode_base64,
        text::print,
    },
    der::{self, BOOLEAN, INTEGER, OBJECT, OCTET_STRING, PRINTABLE, SEQUENCE, SET, UTF8},
    pem,
    private_key::PrivateKey,
};
use crate::{
    call::{Budget, Call, FunctionError},
    value::{Kind, Map, MapType, Object, Str, Value},
};

/// What the functions give: a certificate and its key, both in PEM.
#[derive(Debug)]
pub(crate) struct Certificate {
    cert: Str,
    key: Str,
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.cert.clone().into()),
            "Key" => Some(self.key.clone().into()),
            _ => None,
        }
    }

    fn plain(&self) -> Value {
        let entries = [
            ("Cert".into(), self.cert.clone().into()),
            ("Key".into(), self.key.clone().into()),
        ];
        Map::new(MapType::Any, entries).into()
    }

    fn print(&self) -> Option<Str> {
        Some(
            [b"{", self.cert.as_bytes(), b" ", self.key.as_bytes(), b"}"]
                .concat()
                .into(),
        )
    }
}

/// What a certificate says.
struct Template {
    name: Vec<u8>,
    addresses: Vec<IpAddr>,
    hosts: Vec<Vec<u8>>,
    serial: [u8; 16],
    /// Seconds since 1970.
    not_before: i64,
    not_after: i64,
    authority: bool,
}

/// Who signs.
struct Parent {
    /// The subject as it stands in the certificate; `None` if the certificate signs itself.
    subject: Option<Vec<u8>>,
    /// The identifier of the key.
    identifier: Vec<u8>,
    public: Option<Vec<u8>>,
}

fn error(text: impl std::fmt::Display) -> FunctionError {
    FunctionError::new(text.to_string())
}

/// What a signature costs, in steps.
const SIGNATURE: u64 = 100_000;

impl Template {
    fn new(
        call: &mut Call<'_>,
        name: &[u8],
        addresses: &Value,
        hosts: &Value,
        days: i64,
    ) -> Result<Self, FunctionError> {
        let budget = &mut *call.budget;
        let addresses = addresses_of(budget, addresses)?;
        let hosts = hosts_of(budget, hosts)?;
        let (not_before, nanoseconds) = call.world.now;
        // Go counts in nanoseconds, of which there may be too many.
        let length = days.wrapping_mul(86_400_000_000_000);
        let not_after = not_before
            .saturating_add(length.div_euclid(1_000_000_000))
            .saturating_add((length.rem_euclid(1_000_000_000) + i64::from(nanoseconds)) / 1_000_000_000);
        Ok(Self {
            name: name.to_vec(),
            addresses,
            hosts,
            serial: Rng::draw(call.world).array(),
            not_before,
            not_after,
            authority: false,
        })
    }

    /// The name as it stands in a certificate.
    fn subject(&self) -> Result<Vec<u8>, FunctionError> {
        if self.name.is_empty() {
            return Ok(der::value(SEQUENCE, &[]));
        }
        let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte);
        let tag = if self.name.iter().all(printable) {
            PRINTABLE
        } else {
            UTF8
        };
        if std::str::from_utf8(&self.name).is_err() {
            return Err(error("error creating certificate: asn1: string not valid UTF-8"));
        }
        let attribute = der::sequence(&[der::value(OBJECT, &[0x55, 4, 3]), der::value(tag, &self.name)]);
        Ok(der::value(SEQUENCE, &der::value(SET, &attribute)))
    }

    fn extensions(
        &self,
        key: &PrivateKey,
        parent: &Parent,
        subject: &[u8],
    ) -> Result<Vec<u8>, FunctionError> {
        let extension = |id: u8, critical: bool, content: &[u8]| {
            let critical = if critical {
                der::value(BOOLEAN, &[0xff])
            } else {
                Vec::new()
            };
            der::sequence(&[
                der::value(OBJECT, &[0x55, 0x1d, id]),
                critical,
                der::value(OCTET_STRING, content),
            ])
        };
        // Digital signatures and encryption of keys; an authority signs certificates too.
        let usage: &[u8] = if self.authority { &[2, 0xa4] } else { &[5, 0xa0] };
        let purpose = |last: u8| der::value(OBJECT, &[0x2b, 6, 1, 5, 5, 7, 3, last]);
        let constraints = if self.authority {
            der::value(BOOLEAN, &[0xff])
        } else {
            Vec::new()
        };
        let mut out = vec![
            extension(15, true, &der::value(der::BIT_STRING, usage)),
            extension(37, false, &der::sequence(&[purpose(1), purpose(2)])),
            extension(19, true, &der::value(SEQUENCE, &constraints)),
        ];
        if let Some(identifier) = key.identifier().filter(|_| self.authority) {
            out.push(extension(14, false, &der::value(OCTET_STRING, &identifier)));
        }
        let other_issuer = parent.subject.as_ref().is_some_and(|issuer| issuer != subject);
        if other_issuer && !parent.identifier.is_empty() {
            out.push(extension(
                35,
                false,
                &der::sequence(&[der::value(0x80, &parent.identifier)]),
            ));
        }
        let mut names = Vec::new();
        for host in &self.hosts {
            if !host.is_ascii() {
                let host = lossy(&super::super::text::quoted(host)).into_owned();
                return Err(error(format_args!(
                    "error creating certificate: x509: {host} cannot be encoded as an IA5String"
                )));
            }
            names.push(der::value(0x82, host));
        }
        for address in &self.addresses {
            names.push(match address.to_canonical() {
                IpAddr::V4(address) => der::value(0x87, &address.octets()),
                IpAddr::V6(address) => der::value(0x87, &address.octets()),
            });
        }
        if !names.is_empty() {
            out.push(extension(17, self.name.is_empty(), &der::sequence(&names)));
        }
        Ok(der::value(0xa3, &der::sequence(&out)))
    }

    /// The certificate of one key, signed by another.
    fn sign(
        &self,
        key: &PrivateKey,
        parent: &Parent,
        signer: &PrivateKey,
    ) -> Result<Certificate, FunctionError> {
        let unsupported =
            || error("error creating certificate: x509: only RSA, P-256 and Ed25519 keys are supported here");
        let subject = self.subject()?;
        let public = key.public().ok_or_else(unsupported)?;
        let algorithm = signer.signature_algorithm();
        let time = |seconds: i64| {
            certificate_time(seconds).map(|(short, text)| {
                der::value(
                    if short { der::UTC_TIME } else { der::GENERAL_TIME },
                    text.as_bytes(),
                )
            })
        };
        let (not_before, not_after) = time(self.not_before).zip(time(self.not_after)).ok_or_else(|| {
            error(
                "error creating certificate: asn1: structure error: cannot represent time as GeneralizedTime",
            )
        })?;
        let to_sign = der::sequence(&[
            // Version 3.
            der::value(0xa0, &der::integer(&[2])),
            der::integer(&self.serial),
            algorithm.clone(),
            parent.subject.clone().unwrap_or_else(|| subject.clone()),
            der::sequence(&[not_before, not_after]),
            subject.clone(),
            public,
            self.extensions(key, parent, &subject)?,
        ]);
        if parent.public.is_some() && parent.public != signer.public() {
            return Err(error(
                "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey",
            ));
        }
        let signature = signer.sign(&to_sign).ok_or_else(unsupported)?;
        let certificate = der::sequence(&[to_sign, algorithm, der::bits(&signature)]);
        Ok(Certificate {
            cert: pem::encode("CERTIFICATE", &certificate).into(),
            key: key.to_pem().into(),
        })
    }

    /// The certificate that a key signs for itself.
    fn sign_itself(&self, call: &mut Call<'_>, key: &PrivateKey) -> Outcome {
        call.budget.step(SIGNATURE)?;
        let parent = Parent {
            subject: None,
            identifier: Vec::new(),
            public: None,
        };
        Ok(Value::object(self.sign(key, &parent, key)?))
    }
}

impl Parent {
    /// What a certificate tells about who signs with it.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut certificate = der::expect(&mut bytes, SEQUENCE)?.content;
        if !bytes.is_empty() {
            return None;
        }
        let mut rest = der::expect(&mut certificate, SEQUENCE)?.content;
        der::expect(&mut certificate, SEQUENCE)?;
        der::expect(&mut certificate, der::BIT_STRING)?;
        let first = der::read(&mut rest)?;
        if first.tag == 0xa0 {
            der::expect(&mut rest, INTEGER)?;
        }
        for _ in 0..3 {
            der::expect(&mut rest, SEQUENCE)?;
        }
        let subject = der::expect(&mut rest, SEQUENCE)?.whole.to_vec();
        let public = der::expect(&mut rest, SEQUENCE)?.whole.to_vec();
        let mut identifier = Vec::new();
        while let Some(part) = der::read(&mut rest) {
            if part.tag != 0xa3 {
                continue;
            }
            let mut extensions = der::expect(&mut { part.content }, SEQUENCE)?.content;
            while let Some(extension) = der::read(&mut extensions) {
                let mut fields = extension.content;
                let name = der::expect(&mut fields, OBJECT)?.content;
                let mut content = der::read(&mut fields)?;
                if content.tag == BOOLEAN {
                    content = der::read(&mut fields)?;
                }
                if name == [0x55, 0x1d, 14] {
                    identifier = der::expect(&mut { content.content }, OCTET_STRING)?
                        .content
                        .to_vec();
                }
            }
        }
        Some(Self {
            subject: Some(subject),
            identifier,
            public: Some(public),
        })
    }
}

/// The strings of a list; nil is an empty one.
fn strings(budget: &mut Budget, list: &Value, what: &str) -> Result<Vec<Str>, FunctionError> {
    let mut out = Vec::new();
    for item in items(list).unwrap_or_default().iter() {
        budget.step(1)?;
        match item {
            Value::String(text) => out.push(text.clone()),
            item => {
                let shown = print(budget, item)?;
                return Err(error(format_args!(
                    "error {what}: {} is not a string",
                    shown.text()
                )));
            }
        }
    }
    Ok(out)
}

fn addresses_of(budget: &mut Budget, list: &Value) -> Result<Vec<IpAddr>, FunctionError> {
    let texts = strings(budget, list, "parsing ip")?;
    let parse = |text: &Str| {
        let address = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        address.ok_or_else(|| error(format_args!("error parsing ip: {}", text.text())))
    };
    texts.iter().map(parse).collect()
}

fn hosts_of(budget: &mut Budget, list: &Value) -> Result<Vec<Vec<u8>>, FunctionError> {
    let texts = strings(budget, list, "processing alternate dns name")?;
    Ok(texts.iter().map(|text| text.to_vec()).collect())
}

fn new_key(call: &mut Call<'_>) -> Result<PrivateKey, FunctionError> {
    Ok(PrivateKey::Rsa(rsa_key(call, Size::Bits2048)?))
}

fn given_key(text: &[u8]) -> Result<PrivateKey, FunctionError> {
    PrivateKey::parse(text).map_err(|text| error(format_args!("parsing private key: {text}")))
}

pub(super) fn authority(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = new_key(call)?;
    make_authority(call, args, &key)
}

pub(super) fn authority_with_key(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = given_key(string(args, 2)?)?;
    make_authority(call, args, &key)
}

fn make_authority(call: &mut Call<'_>, args: &[Value], key: &PrivateKey) -> Outcome {
    let mut template = Template::new(call, string(args, 0)?, &Value::Nil, &Value::Nil, int(args, 1)?)?;
    template.authority = true;
    template.sign_itself(call, key)
}

/// The template of the arguments that most functions start with.
fn template(call: &mut Call<'_>, args: &[Value]) -> Result<Template, FunctionError> {
    Template::new(call, string(args, 0)?, any(args, 1), any(args, 2), int(args, 3)?)
}

pub(super) fn self_signed(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = new_key(call)?;
    template(call, args)?.sign_itself(call, &key)
}

pub(super) fn self_signed_with_key(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = given_key(string(args, 4)?)?;
    template(call, args)?.sign_itself(call, &key)
}

pub(super) fn signed(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = new_key(call)?;
    sign_by(call, args, &key)
}

pub(super) fn signed_with_key(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = given_key(string(args, 5)?)?;
    sign_by(call, args, &key)
}

/// Signs by the authority that is the fifth argument.
fn sign_by(call: &mut Call<'_>, args: &[Value], key: &PrivateKey) -> Outcome {
    let authority = match any(args, 4) {
        Value::Object(object) => object.as_any().downcast_ref::<Certificate>(),
        _ => None,
    };
    let authority = authority.ok_or_else(|| error("it is not a sprig.certificate"))?;
    call.budget.step(SIGNATURE)?;
    let block = pem::decode(&authority.cert).ok_or_else(|| error("unable to decode certificate"))?;
    let parent = Parent::parse(&block.bytes).ok_or_else(|| {
        error("error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate")
    })?;
    let signer = PrivateKey::parse(&authority.key)
        .map_err(|text| error(format_args!("error parsing private key: {text}")))?;
    let template = template(call, args)?;
    Ok(Value::object(template.sign(key, &parent, &signer)?))
}

/// `buildCustomCert`: checks a certificate and a key, and gives them as they are.
pub(super) fn custom(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (cert, key) = (string(args, 0)?, string(args, 1)?);
    call.budget.step(1 + (cert.len() + key.len()) as u64 / 64)?;
    let cert = decode_base64(cert).map_err(|_| error("unable to decode base64 certificate"))?;
    let key = decode_base64(key).map_err(|_| error("unable to decode base64 private key"))?;
    let block = pem::decode(&cert).ok_or_else(|| error("unable to decode certificate"))?;
    if Parent::parse(&block.bytes).is_none() {
        return Err(error(
            "error parsing certificate: decodedCert.Bytes: x509: malformed certificate",
        ));
    }
    PrivateKey::parse(&key).map_err(|text| error(format_args!("error parsing private key: {text}")))?;
    Ok(Value::object(Certificate {
        cert: cert.into(),
        key: key.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = include_str!("../../../tests/functions/certificates/rsa.key");
    const EC: &str = include_str!("../../../tests/functions/certificates/ec.key");
    const ED25519: &str = include_str!("../../../tests/functions/certificates/ed25519.key");

    fn template(name: &str, hosts: &[&str], days: i64) -> Template {
        let mut serial = [0; 16];
        for (at, byte) in serial.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap() + 1;
        }
        serial[0] = 0x80;
        Template {
            name: name.into(),
            addresses: Vec::new(),
            hosts: hosts.iter().map(|host| host.as_bytes().to_vec()).collect(),
            serial,
            not_before: 1_700_000_000,
            not_after: 1_700_000_000 + days * 86_400,
            authority: false,
        }
    }

    fn key(text: &str) -> PrivateKey {
        PrivateKey::parse(text.as_bytes()).unwrap()
    }

    const NOBODY: Parent = Parent {
        subject: None,
        identifier: Vec::new(),
        public: None,
    };

    /// Made by crypto/x509 with the same keys, serial number and times.
    #[test]
    fn certificates_are_the_bytes_that_go_makes() {
        let rsa = key(RSA);
        let mut authority = template("my-ca", &[], 365);
        authority.authority = true;
        let authority = authority.sign(&rsa, &NOBODY, &rsa).unwrap();
        assert_eq!(
            authority.cert,
            *include_str!("../../../tests/functions/certificates/ca.crt")
        );
        assert_eq!(authority.key, *RSA);

        let parent = || Parent::parse(&pem::decode(&authority.cert).unwrap().bytes).unwrap();
        let mut leaf = template("*.example.com", &["a.example.com", "b"], 20_000);
        leaf.addresses = ["10.0.0.1", "::1", "::ffff:1.2.3.4"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let leaf = leaf.sign(&rsa, &parent(), &rsa).unwrap();
        assert_eq!(
            leaf.cert,
            *include_str!("../../../tests/functions/certificates/signed.crt")
        );

        let edwards = key(ED25519);
        let itself = template("", &["x"], 10)
            .sign(&edwards, &NOBODY, &edwards)
            .unwrap();
        assert_eq!(
            itself.cert,
            *include_str!("../../../tests/functions/certificates/self-signed.crt")
        );
        assert_eq!(itself.key, *ED25519);

        let curve = template("\u{e9}", &[], 10)
            .sign(&key(EC), &parent(), &rsa)
            .unwrap();
        assert_eq!(
            curve.cert,
            *include_str!("../../../tests/functions/certificates/signed-ec.crt")
        );
        assert_eq!(curve.key, *EC);

        let stranger = template("x", &[], 1).sign(&rsa, &parent(), &edwards);
        let refused =
            "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey";
        assert_eq!(stranger.unwrap_err().to_string(), refused);
    }
}
