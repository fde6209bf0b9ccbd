//! Java's classes, as far as expressions can meet them, and how they relate.

use super::{Array, List, ListKind, Map, MapKind, Object, Value};

macro_rules! classes {
    ($($name:ident $text:literal,)*) => {
        /// A Java class or primitive type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Class {
            $($name,)*
        }

        impl Class {
            /// The full name.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Class::$name => $text,)*
                }
            }
        }
    };
}

classes! {
    BoolPrimitive "boolean",
    BytePrimitive "byte",
    ShortPrimitive "short",
    CharPrimitive "char",
    IntPrimitive "int",
    LongPrimitive "long",
    FloatPrimitive "float",
    DoublePrimitive "double",
    Object "java.lang.Object",
    Meta "java.lang.Class",
    String "java.lang.String",
    CharSequence "java.lang.CharSequence",
    Number "java.lang.Number",
    Boolean "java.lang.Boolean",
    Byte "java.lang.Byte",
    Short "java.lang.Short",
    Character "java.lang.Character",
    Integer "java.lang.Integer",
    Long "java.lang.Long",
    Float "java.lang.Float",
    Double "java.lang.Double",
    BigInteger "java.math.BigInteger",
    Iterable "java.lang.Iterable",
    Collection "java.util.Collection",
    Map "java.util.Map",
    ArrayList "java.util.ArrayList",
    UnmodifiableList "java.util.Collections$UnmodifiableRandomAccessList",
    SubList "java.util.ArrayList$SubList",
    KeySet "java.util.LinkedHashMap$LinkedKeySet",
    EntrySet "java.util.LinkedHashMap$LinkedEntrySet",
    Values "java.util.LinkedHashMap$LinkedValues",
    HashMap "java.util.HashMap",
    LinkedHashMap "java.util.LinkedHashMap",
    UnmodifiableMap "java.util.Collections$UnmodifiableMap",
    StageContext "com.netflix.spinnaker.orca.pipeline.model.StageContext",
    Entry "java.util.LinkedHashMap$Entry",
    Math "java.lang.Math",
    UrlEncoder "java.net.URLEncoder",
    TemporalAdjusters "java.time.temporal.TemporalAdjusters",
    Date "java.util.Date",
    SimpleDateFormat "java.text.SimpleDateFormat",
    LocalDate "java.time.LocalDate",
    LocalDateTime "java.time.LocalDateTime",
    Instant "java.time.Instant",
    DayOfWeek "java.time.DayOfWeek",
    Month "java.time.Month",
    ChronoUnit "java.time.temporal.ChronoUnit",
    ZoneId "java.time.ZoneId",
    ZoneOffset "java.time.ZoneOffset",
    TextStyle "java.time.format.TextStyle",
    ChronoLocalDate "java.time.chrono.ChronoLocalDate",
    ChronoLocalDateTime "java.time.chrono.ChronoLocalDateTime",
    Temporal "java.time.temporal.Temporal",
    TemporalAccessor "java.time.temporal.TemporalAccessor",
    TemporalAdjuster "java.time.temporal.TemporalAdjuster",
    TemporalUnit "java.time.temporal.TemporalUnit",
    Locale "java.util.Locale",
    Charset "java.nio.charset.Charset",
    Uuid "java.util.UUID",
    Random "java.util.Random",
    Enum "java.lang.Enum",
    Execution "com.netflix.spinnaker.orca.pipeline.model.PipelineExecutionImpl",
    Stage "com.netflix.spinnaker.orca.pipeline.model.StageExecutionImpl",
    Task "com.netflix.spinnaker.orca.pipeline.model.TaskExecutionImpl",
    Status "com.netflix.spinnaker.orca.api.pipeline.models.ExecutionStatus",
    Trigger "com.netflix.spinnaker.orca.pipeline.model.DefaultTrigger",
    Authentication "com.netflix.spinnaker.orca.api.pipeline.models.PipelineExecution$AuthenticationDetails",
    Paused "com.netflix.spinnaker.orca.api.pipeline.models.PipelineExecution$PausedDetails",
    Artifact "com.netflix.spinnaker.kork.artifacts.model.Artifact",
    ExpectedArtifact "com.netflix.spinnaker.kork.artifacts.model.ExpectedArtifact",
    BuildInfo "com.netflix.spinnaker.orca.pipeline.model.JenkinsBuildInfo",
    BuildArtifact "com.netflix.spinnaker.orca.pipeline.model.JenkinsArtifact",
    SourceControl "com.netflix.spinnaker.orca.pipeline.model.SourceControl",
    NotEvaluable "com.netflix.spinnaker.kork.expressions.NotEvaluableExpression",
}

impl Class {
    /// True for `int` and its like.
    pub(crate) fn is_primitive(self) -> bool {
        matches!(
            self,
            Class::BoolPrimitive
                | Class::BytePrimitive
                | Class::ShortPrimitive
                | Class::CharPrimitive
                | Class::IntPrimitive
                | Class::LongPrimitive
                | Class::FloatPrimitive
                | Class::DoublePrimitive
        )
    }

    /// The class a primitive is boxed into; any other class itself.
    pub(crate) fn boxed(self) -> Class {
        match self {
            Class::BoolPrimitive => Class::Boolean,
            Class::BytePrimitive => Class::Byte,
            Class::ShortPrimitive => Class::Short,
            Class::CharPrimitive => Class::Character,
            Class::IntPrimitive => Class::Integer,
            Class::LongPrimitive => Class::Long,
            Class::FloatPrimitive => Class::Float,
            Class::DoublePrimitive => Class::Double,
            other => other,
        }
    }

    /// True for the boxed numbers and their primitives.
    pub(crate) fn is_number(self) -> bool {
        matches!(
            self.boxed(),
            Class::Byte
                | Class::Short
                | Class::Integer
                | Class::Long
                | Class::Float
                | Class::Double
                | Class::BigInteger
        )
    }

    pub(crate) fn is_enum(self) -> bool {
        matches!(
            self,
            Class::Status | Class::DayOfWeek | Class::ChronoUnit | Class::Month | Class::TextStyle
        )
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(
            self,
            Class::ArrayList | Class::UnmodifiableList | Class::SubList
        )
    }

    pub(crate) fn is_collection(self) -> bool {
        self.is_list()
            || matches!(
                self,
                Class::Collection | Class::KeySet | Class::EntrySet | Class::Values
            )
    }

    pub(crate) fn is_map(self) -> bool {
        matches!(
            self,
            Class::Map
                | Class::HashMap
                | Class::LinkedHashMap
                | Class::UnmodifiableMap
                | Class::StageContext
        )
    }

    /// The direct superclass, as far as overloads depend on it.
    pub(crate) fn superclass(self) -> Option<Class> {
        if self.is_primitive() || self == Class::Object {
            return None;
        }
        if matches!(
            self,
            Class::CharSequence
                | Class::Iterable
                | Class::Collection
                | Class::Map
                | Class::Temporal
        ) {
            return None;
        }
        if self.is_number() {
            return Some(Class::Number);
        }
        if self.is_enum() {
            return Some(Class::Enum);
        }
        if self == Class::LinkedHashMap {
            return Some(Class::HashMap);
        }
        Some(Class::Object)
    }

    fn is_interface(self) -> bool {
        matches!(
            self,
            Class::CharSequence
                | Class::Iterable
                | Class::Collection
                | Class::Map
                | Class::ChronoLocalDate
                | Class::ChronoLocalDateTime
                | Class::Temporal
                | Class::TemporalAccessor
                | Class::TemporalAdjuster
                | Class::TemporalUnit
        )
    }

    /// `self.isAssignableFrom(other)` for boxed classes.
    fn accepts(self, other: Class) -> bool {
        if self == other || self == Class::Object {
            return true;
        }
        match self {
            Class::CharSequence => matches!(other, Class::String | Class::Status),
            Class::Number => other.is_number() && !other.is_primitive(),
            Class::Iterable | Class::Collection => other.is_collection(),
            Class::Map => other.is_map(),
            Class::HashMap => other == Class::LinkedHashMap,
            Class::ChronoLocalDate => other == Class::LocalDate,
            Class::ChronoLocalDateTime => other == Class::LocalDateTime,
            Class::Temporal => {
                matches!(
                    other,
                    Class::LocalDate | Class::LocalDateTime | Class::Instant
                )
            }
            Class::TemporalAdjuster => matches!(
                other,
                Class::LocalDate | Class::LocalDateTime | Class::Instant | Class::DayOfWeek
            ),
            Class::TemporalAccessor => matches!(
                other,
                Class::LocalDate | Class::LocalDateTime | Class::Instant | Class::DayOfWeek
            ),
            Class::TemporalUnit => other == Class::ChronoUnit,
            Class::Enum => other.is_enum(),
            _ => false,
        }
    }
}

/// A class or an array of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) class: Class,
    pub(crate) dimensions: u8,
}

impl Type {
    pub(crate) const fn of(class: Class) -> Self {
        Self {
            class,
            dimensions: 0,
        }
    }

    pub(crate) const fn array_of(class: Class) -> Self {
        Self {
            class,
            dimensions: 1,
        }
    }

    pub(crate) fn is_array(self) -> bool {
        self.dimensions > 0
    }

    pub(crate) fn is_primitive(self) -> bool {
        !self.is_array() && self.class.is_primitive()
    }

    pub(crate) fn element(self) -> Type {
        Type {
            class: self.class,
            dimensions: self.dimensions.saturating_sub(1),
        }
    }

    pub(crate) fn boxed(self) -> Type {
        if self.is_array() {
            self
        } else {
            Type::of(self.class.boxed())
        }
    }

    /// The name `getTypeName` gives: `java.lang.String[]`.
    pub(crate) fn name(self) -> String {
        let mut name = self.class.name().to_owned();
        for _ in 0..self.dimensions {
            name.push_str("[]");
        }
        name
    }

    /// The name `Class.getName` gives: `[Ljava.lang.String;`.
    pub(crate) fn binary_name(self) -> String {
        if !self.is_array() {
            return self.class.name().to_owned();
        }
        let mut name = "[".repeat(usize::from(self.dimensions));
        match self.class {
            Class::BoolPrimitive => name.push('Z'),
            Class::BytePrimitive => name.push('B'),
            Class::ShortPrimitive => name.push('S'),
            Class::CharPrimitive => name.push('C'),
            Class::IntPrimitive => name.push('I'),
            Class::LongPrimitive => name.push('J'),
            Class::FloatPrimitive => name.push('F'),
            Class::DoublePrimitive => name.push('D'),
            other => {
                name.push('L');
                name.push_str(other.name());
                name.push(';');
            }
        }
        name
    }

    /// True where a value of `other` fits without conversion; `int` and `Integer` count as one.
    pub(crate) fn accepts(self, other: Type) -> bool {
        let (own, other) = (self.boxed(), other.boxed());
        if own.dimensions == other.dimensions {
            if own.is_array() && (own.class.is_primitive() || other.class.is_primitive()) {
                return own.class == other.class;
            }
            return own.class.accepts(other.class);
        }
        own.dimensions < other.dimensions && own.class == Class::Object
    }

    /// Spring's distance between a parameter and the class of an argument; smaller is nearer.
    pub(crate) fn distance(self, argument: Type) -> u32 {
        let mut result = 0;
        let wanted = if self.is_primitive() {
            Type::of(Class::Object)
        } else {
            self
        };
        let mut superclass = if argument.is_array() {
            Some(Class::Object)
        } else {
            argument.class.superclass()
        };
        while let Some(class) = superclass {
            if wanted == Type::of(class) {
                result += 2;
                break;
            }
            if !wanted.accepts(Type::of(class)) {
                break;
            }
            result += 2;
            superclass = class.superclass();
        }
        if !wanted.is_array() && wanted.class.is_interface() {
            result += 1;
        }
        result
    }
}

impl Value<'_> {
    /// The runtime class; `None` for null.
    pub(crate) fn class(&self) -> Option<Type> {
        Some(Type::of(match self {
            Value::Null => return None,
            Value::Bool(_) => Class::Boolean,
            Value::Char(_) => Class::Character,
            Value::Byte(_) => Class::Byte,
            Value::Short(_) => Class::Short,
            Value::Int(_) => Class::Integer,
            Value::Long(_) => Class::Long,
            Value::Float(_) => Class::Float,
            Value::Double(_) => Class::Double,
            Value::Big(_) => Class::BigInteger,
            Value::Text(_) => Class::String,
            Value::List(list) => list.class(),
            Value::Map(map) => map.class(),
            Value::Array(array) => return Some(array.class()),
            Value::Entry(_) => Class::Entry,
            Value::Class(_) => Class::Meta,
            Value::Object(object) => object.class(),
        }))
    }

    /// The name of the runtime class, `null` for null.
    pub(crate) fn class_name(&self) -> String {
        self.class()
            .map_or_else(|| "null".to_owned(), Type::binary_name)
    }

    /// The class name as messages about methods print it: arrays as `java.lang.String[]`.
    pub(crate) fn type_name(&self) -> String {
        self.class().map_or_else(|| "null".to_owned(), Type::name)
    }
}

impl List<'_> {
    fn class(&self) -> Class {
        match self.kind() {
            ListKind::ArrayList | ListKind::Objects => Class::ArrayList,
            ListKind::Unmodifiable => Class::UnmodifiableList,
            ListKind::SubList => Class::SubList,
            ListKind::KeySet => Class::KeySet,
            ListKind::EntrySet => Class::EntrySet,
            ListKind::Values => Class::Values,
        }
    }
}

impl Map<'_> {
    fn class(&self) -> Class {
        match self {
            Map::Json(_) => Class::LinkedHashMap,
            Map::Owned(cell) => match cell.kind {
                MapKind::HashMap => Class::HashMap,
                MapKind::LinkedHashMap => Class::LinkedHashMap,
                MapKind::Unmodifiable => Class::UnmodifiableMap,
            },
            Map::Root(root) if root.stage().is_none() => Class::HashMap,
            Map::Root(_) | Map::Context(..) => Class::StageContext,
        }
    }
}

impl Array<'_> {
    pub(crate) fn class(&self) -> Type {
        Type {
            class: self.element.class,
            dimensions: self.element.dimensions + 1,
        }
    }
}

impl Object<'_> {
    pub(crate) fn class(&self) -> Class {
        match self {
            Object::Execution => Class::Execution,
            Object::Stage(_) => Class::Stage,
            Object::Task(..) => Class::Task,
            Object::Status(_) => Class::Status,
            Object::Trigger(_) => Class::Trigger,
            Object::ParentExecution(_) => Class::Execution,
            Object::ParentStage(..) => Class::Stage,
            Object::Authentication => Class::Authentication,
            Object::Paused => Class::Paused,
            Object::Artifact(_) => Class::Artifact,
            Object::ExpectedArtifact(_) => Class::ExpectedArtifact,
            Object::BuildInfo(_) => Class::BuildInfo,
            Object::BuildArtifact(_) => Class::BuildArtifact,
            Object::SourceControl(_) => Class::SourceControl,
            Object::NotEvaluable(_) => Class::NotEvaluable,
            Object::Date(_) => Class::Date,
            Object::DateFormat(_) => Class::SimpleDateFormat,
            Object::LocalDate(_) => Class::LocalDate,
            Object::LocalDateTime(_) => Class::LocalDateTime,
            Object::Instant(_) => Class::Instant,
            Object::DayOfWeek(_) => Class::DayOfWeek,
            Object::ChronoUnit(_) => Class::ChronoUnit,
            Object::Uuid(_) => Class::Uuid,
            Object::Random(_) => Class::Random,
            Object::Zone(_) => Class::ZoneId,
            Object::TextStyle(_) => Class::TextStyle,
            Object::Locale(_) => Class::Locale,
            Object::Charset(_) => Class::Charset,
            Object::Month(_) => Class::Month,
        }
    }
}
