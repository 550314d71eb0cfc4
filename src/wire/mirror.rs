//! How a value of the model becomes a value that serde writes, and back.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value with a form on the wire.
pub(in crate::wire) trait Mirror: Sized {
    /// That form.
    type Wire: Serialize + DeserializeOwned + JsonSchema;
    /// To it.
    fn to_wire(&self) -> Self::Wire;
    /// From it, or what is wrong with it.
    fn from_wire(wire: Self::Wire) -> Result<Self, String>;
}

/// Values that serde knows.
macro_rules! as_it_is {
    ($($plain:ty),*) => {$(
        impl Mirror for $plain {
            type Wire = Self;

            fn to_wire(&self) -> Self {
                self.clone()
            }

            fn from_wire(wire: Self) -> Result<Self, String> {
                Ok(wire)
            }
        }
    )*};
}

as_it_is!(bool, u8, u16, u32, u64, i64, Box<str>);

/// Enums without content: their names in kebab case.
macro_rules! names {
    ($($wire:ident for $model:path { $($name:ident),* $(,)? })*) => {$(
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub(in crate::wire) enum $wire { $($name),* }

        impl Mirror for $model {
            type Wire = $wire;

            fn to_wire(&self) -> $wire {
                match self { $(Self::$name => $wire::$name),* }
            }

            fn from_wire(wire: $wire) -> Result<Self, String> {
                Ok(match wire { $($wire::$name => Self::$name),* })
            }
        }
    )*};
}

/// Structs: an object with the same keys.
macro_rules! objects {
    ($($wire:ident for $model:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(in crate::wire) struct $wire { $($field: <$type as Mirror>::Wire),* }

        impl Mirror for $model {
            type Wire = $wire;

            fn to_wire(&self) -> $wire {
                let Self { $($field),* } = self;
                $wire { $($field: $field.to_wire()),* }
            }

            fn from_wire(wire: $wire) -> Result<Self, String> {
                Ok(Self { $($field: <$type as Mirror>::from_wire(wire.$field)
                    .map_err(|error| format!("{}: {error}", stringify!($field)))?),* })
            }
        }
    )*};
}

/// Structs that stand in great numbers: an array of the fields in this order.
macro_rules! arrays {
    ($($model:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        impl Mirror for $model {
            type Wire = ($(<$type as Mirror>::Wire,)*);

            fn to_wire(&self) -> Self::Wire {
                let Self { $($field),* } = self;
                ($($field.to_wire(),)*)
            }

            fn from_wire(wire: Self::Wire) -> Result<Self, String> {
                let ($($field,)*) = wire;
                Ok(Self { $($field: <$type as Mirror>::from_wire($field)
                    .map_err(|error| format!("{}: {error}", stringify!($field)))?),* })
            }
        }
    )*};
}

/// Enums of which some have content: first those without, then those with one value, then those with named ones.
macro_rules! choices {
    ($($wire:ident for $model:ident {
        [$($unit:ident),*] [$($tuple:ident($inner:ty)),*] [$($object:ident { $($field:ident: $type:ty),* }),*]
    })*) => {$(
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub(in crate::wire) enum $wire {
            $($unit,)*
            $($tuple(<$inner as Mirror>::Wire),)*
            $($object { $($field: <$type as Mirror>::Wire),* },)*
        }

        impl Mirror for $model {
            type Wire = $wire;

            fn to_wire(&self) -> $wire {
                match self {
                    $(Self::$unit => $wire::$unit,)*
                    $(Self::$tuple(inner) => $wire::$tuple(inner.to_wire()),)*
                    $(Self::$object { $($field),* } => $wire::$object { $($field: $field.to_wire()),* },)*
                }
            }

            fn from_wire(wire: $wire) -> Result<Self, String> {
                Ok(match wire {
                    $($wire::$unit => Self::$unit,)*
                    $($wire::$tuple(inner) => Self::$tuple(<$inner as Mirror>::from_wire(inner)?),)*
                    $($wire::$object { $($field),* } =>
                        Self::$object { $($field: <$type as Mirror>::from_wire($field)?),* },)*
                })
            }
        }
    )*};
}

/// Structs that are one number or one value with a name.
macro_rules! wrapped {
    ($($model:ident($inner:ty)),* $(,)?) => {$(
        impl Mirror for $model {
            type Wire = <$inner as Mirror>::Wire;

            fn to_wire(&self) -> Self::Wire {
                self.0.to_wire()
            }

            fn from_wire(wire: Self::Wire) -> Result<Self, String> {
                <$inner as Mirror>::from_wire(wire).map(Self)
            }
        }
    )*};
}

pub(in crate::wire) use {arrays, choices, names, objects, wrapped};

impl<T: Mirror> Mirror for Option<T> {
    type Wire = Option<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().map(T::to_wire)
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, String> {
        wire.map(T::from_wire).transpose()
    }
}

impl<T: Mirror> Mirror for Vec<T> {
    type Wire = Vec<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(T::to_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, String> {
        wire.into_iter().map(T::from_wire).collect()
    }
}

impl Mirror for [[u64; 3]; 4] {
    type Wire = Self;

    fn to_wire(&self) -> Self {
        *self
    }

    fn from_wire(wire: Self) -> Result<Self, String> {
        Ok(wire)
    }
}

impl<A: Mirror, B: Mirror> Mirror for (A, B) {
    type Wire = (A::Wire, B::Wire);

    fn to_wire(&self) -> Self::Wire {
        (self.0.to_wire(), self.1.to_wire())
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, String> {
        Ok((A::from_wire(wire.0)?, B::from_wire(wire.1)?))
    }
}

/// Keys need not be text, so a map is a list of pairs.
impl<K: Mirror + Ord, V: Mirror> Mirror for BTreeMap<K, V> {
    type Wire = Vec<(K::Wire, V::Wire)>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(|(key, value)| (key.to_wire(), value.to_wire())).collect()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, String> {
        let given = wire.len();
        let map: Self = wire.into_iter().map(Mirror::from_wire).collect::<Result<_, _>>()?;
        if map.len() == given { Ok(map) } else { Err("a key stands twice".to_owned()) }
    }
}

impl<T: Mirror + Ord> Mirror for BTreeSet<T> {
    type Wire = Vec<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(T::to_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, String> {
        wire.into_iter().map(T::from_wire).collect()
    }
}

/// Bytes as written in a log: one character each, so that what is text stays readable.
impl Mirror for Box<[u8]> {
    type Wire = String;

    fn to_wire(&self) -> String {
        self.iter().map(|byte| char::from(*byte)).collect()
    }

    fn from_wire(wire: String) -> Result<Self, String> {
        let bytes = wire.chars().map(|c| u8::try_from(u32::from(c)));
        bytes.collect::<Result<_, _>>().map_err(|_| "a character that stands for no byte".to_owned())
    }
}
