//! Every value by every verb.

use super::{
    number::{self, Whole},
    printer::{Flags, Printer},
};
use crate::{
    call::LimitReached,
    template::exec::with_stack,
    value::{Field, Kind, List, Map, Object, UintType, Value},
};

/// How deep values may nest to be printed. Go has no limit but its stack, which a map that holds itself exhausts.
const MAX_DEPTH: u32 = 1000;

/// Where everything lies in memory; in Go it is never the same twice.
const ADDRESS: u64 = 0x00c0_0000_0000;

impl Printer<'_> {
    /// An argument of a print function (`pp.printArg`).
    #[expect(clippy::match_same_arms, reason = "they are asked in this order")]
    pub(super) fn print_argument(&mut self, value: &Value, verb: char) -> Result<(), LimitReached> {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (value, 'T') => self.string(value.type_name().as_bytes(), 's').map(|_| ()),
            (value, 'p') => self.pointer(value, verb),
            // For errors alone, and nothing here is one.
            (Value::List(_) | Value::Map(_) | Value::Object(_), 'w') => self.bad_verb(value, verb),
            (value, _) => self.print_value(value, verb, 0, false),
        }
    }

    /// A value at some depth; `boxed` is one whose static type is `interface {}`, which shows where it is nil.
    fn print_value(
        &mut self,
        value: &Value,
        verb: char,
        depth: u32,
        boxed: bool,
    ) -> Result<(), LimitReached> {
        self.budget.step(1)?;
        if depth > MAX_DEPTH {
            return Err(LimitReached {
                what: "nested values",
                limit: u64::from(MAX_DEPTH),
            });
        }
        let known = match value {
            Value::Nil => {
                return if boxed && self.flags.sharp_v {
                    self.write(b"interface {}(nil)")
                } else {
                    self.write(b"<nil>")
                };
            }
            Value::Bool(value) if matches!(verb, 't' | 'v') => {
                self.boolean(*value)?;
                true
            }
            Value::Bool(_) => false,
            Value::Int(_, value) => self.whole(
                Whole {
                    bits: value.cast_unsigned(),
                    signed: true,
                },
                verb,
            )?,
            Value::Uint(_, value) => self.whole(
                Whole {
                    bits: *value,
                    signed: false,
                },
                verb,
            )?,
            Value::Float(value) => self.float(*value, verb)?,
            Value::Complex(real, imaginary) => self.complex(*real, *imaginary, verb)?,
            Value::String(text) => self.string(text, verb)?,
            Value::Bytes(bytes) => {
                self.bytes(bytes, verb, depth)?;
                true
            }
            Value::List(_) | Value::Map(_) | Value::Object(_) => {
                with_stack(|| self.nested(value, verb, depth))?;
                true
            }
        };
        if known {
            return Ok(());
        }
        self.bad_verb(value, verb)
    }

    fn nested(&mut self, value: &Value, verb: char, depth: u32) -> Result<(), LimitReached> {
        match value {
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Object(object) => self.object(object.as_ref(), value, verb, depth),
            _ => Ok(()),
        }
    }

    /// `%!d(string=abc)`.
    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), LimitReached> {
        self.write(b"%!")?;
        self.write(verb.encode_utf8(&mut [0; 4]).as_bytes())?;
        self.write(b"(")?;
        if matches!(value, Value::Nil) {
            self.write(b"<nil>")?;
        } else {
            self.write(value.type_name().as_bytes())?;
            self.write(b"=")?;
            let erroring = std::mem::replace(&mut self.erroring, true);
            self.print_argument(value, 'v')?;
            self.erroring = erroring;
        }
        self.write(b")")
    }

    /// Where something lies in memory. There is nothing to tell, and in Go it is never the same twice.
    fn pointer(&mut self, value: &Value, verb: char) -> Result<(), LimitReached> {
        match value.kind() {
            Kind::Map | Kind::Slice | Kind::Ptr | Kind::Func => match verb {
                'v' | 'p' => self.address(ADDRESS, !self.flags.sharp),
                'b' | 'o' | 'd' | 'x' | 'X' => {
                    self.print_value(&Value::Uint(UintType::Uint64, ADDRESS), verb, 1, false)
                }
                _ => self.bad_verb(value, verb),
            },
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes(&mut self, bytes: &[u8], verb: char, depth: u32) -> Result<(), LimitReached> {
        if matches!(verb, 's' | 'x' | 'X' | 'q') {
            return self.string(bytes, verb).map(|_| ());
        }
        self.budget.step(bytes.len() as u64)?;
        let syntax = self.flags.sharp_v;
        if syntax {
            // Go calls the type by two names, depending on where it stands.
            let by_value = depth > 0 || !matches!(verb, 'v' | 'd');
            self.write(if by_value { b"[]uint8{" } else { b"[]byte{" })?;
        } else {
            self.write(b"[")?;
        }
        if matches!(verb, 'v' | 'd') && self.flags == Flags::default() {
            // Whole files are printed so, where a chart has forgotten that they are no text.
            let length = number::bytes_length(bytes);
            self.charge(length)?;
            self.out.reserve(length);
            number::append_bytes(self.out, bytes);
            if !bytes.is_empty() {
                self.out.pop();
            }
            return self.write(b"]");
        }
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 {
                self.write(if syntax { b", " } else { b" " })?;
            }
            let number = Whole {
                bits: u64::from(*byte),
                signed: false,
            };
            if !self.whole(number, verb)? {
                let byte = Value::Uint(crate::value::UintType::Uint8, u64::from(*byte));
                self.bad_verb(&byte, verb)?;
            }
        }
        self.write(if syntax { b"}" } else { b"]" })
    }

    fn list(&mut self, list: &List, verb: char, depth: u32) -> Result<(), LimitReached> {
        let syntax = self.flags.sharp_v;
        if syntax {
            self.write(list.list_type().name().as_bytes())?;
            if list.is_nil() {
                return self.write(b"(nil)");
            }
        }
        self.write(if syntax { b"{" } else { b"[" })?;
        let boxed = list.list_type().is_boxed();
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                self.write(if syntax { b", " } else { b" " })?;
            }
            self.print_value(item, verb, depth + 1, boxed)?;
        }
        self.write(if syntax { b"}" } else { b"]" })
    }

    fn map(&mut self, map: &Map, verb: char, depth: u32) -> Result<(), LimitReached> {
        let syntax = self.flags.sharp_v;
        if syntax {
            self.write(map.map_type().name().as_bytes())?;
            if map.is_nil() {
                return self.write(b"(nil)");
            }
        }
        self.write(if syntax { b"{" } else { b"map[" })?;
        let boxed = map.map_type().is_boxed();
        for (index, (key, value)) in map.entries().into_iter().enumerate() {
            if index > 0 {
                self.write(if syntax { b", " } else { b" " })?;
            }
            self.print_value(&Value::String(key), verb, depth + 1, false)?;
            self.write(b":")?;
            self.print_value(&value, verb, depth + 1, boxed)?;
        }
        self.write(if syntax { b"}" } else { b"]" })
    }

    fn object(
        &mut self,
        object: &dyn Object,
        value: &Value,
        verb: char,
        depth: u32,
    ) -> Result<(), LimitReached> {
        if !self.erroring
            && !self.flags.sharp_v
            && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
            && let Some(text) = object.stringer()
        {
            return self.string(&text, verb).map(|_| ());
        }
        if let Some(text) = object.print() {
            return self.write(&text);
        }
        let is_pointer = object.kind() == Kind::Ptr;
        if (!matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') || (is_pointer && self.erroring))
            && let Some(fields) = object.fields()
        {
            if is_pointer && depth > 0 {
                return self.pointer(value, verb);
            }
            if is_pointer {
                self.write(b"&")?;
            }
            return self.fields(&fields, verb, depth);
        }
        match object.plain() {
            Value::Nil if matches!(object.kind(), Kind::Ptr | Kind::Func) => self.pointer(value, verb),
            plain => self.print_value(&plain, verb, depth + 1, false),
        }
    }

    fn fields(&mut self, fields: &[Field], verb: char, depth: u32) -> Result<(), LimitReached> {
        self.write(b"{")?;
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                self.write(b" ")?;
            }
            let address = match field {
                Field::Value(value) => {
                    self.print_value(value, verb, depth + 1, false)?;
                    continue;
                }
                Field::Nil(name) if !matches!(verb, 'b' | 'o' | 'd') => {
                    self.write(format!("%!{verb}({name}=<nil>)").as_bytes())?;
                    continue;
                }
                Field::Nil(_) => 0,
                Field::Address => ADDRESS,
            };
            self.print_value(&Value::Uint(UintType::Uint64, address), verb, depth + 1, false)?;
        }
        self.write(b"}")
    }
}
