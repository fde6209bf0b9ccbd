//! `java.util.Random`: the same numbers for the same seed as Java gives.

use std::cell::Cell;
use std::rc::Rc;

use super::method::{
    Arguments, BYTES, DOUBLE, FLOAT, INT, LONG, Method, function, method, null_pointer,
};
use crate::error::{Eval, ILLEGAL_ARGUMENT, Thrown};
use crate::value::object::Generator;
use crate::value::{Object, Value};

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

impl Generator {
    fn seeded(seed: i64) -> Self {
        Self {
            state: Cell::new((seed as u64 ^ MULTIPLIER) & MASK),
            spare: Cell::new(None),
        }
    }

    fn bits(&self, bits: u32) -> i32 {
        let next = self.state.get().wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        self.state.set(next);
        (next >> (48 - bits)) as i32
    }

    fn int(&self) -> i32 {
        self.bits(32)
    }

    fn long(&self) -> i64 {
        (i64::from(self.int()) << 32).wrapping_add(i64::from(self.int()))
    }

    fn double(&self) -> f64 {
        let high = (self.bits(26) as u64) << 27;
        (high + self.bits(27) as u64) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    fn float(&self) -> f32 {
        self.bits(24) as f32 / (1 << 24) as f32
    }

    fn bounded(&self, bound: i32) -> i32 {
        let mut random = self.bits(31);
        let mask = bound - 1;
        if bound & mask == 0 {
            return ((i64::from(bound) * i64::from(random)) >> 31) as i32;
        }
        let mut tried = random;
        loop {
            random = tried % bound;
            if tried.wrapping_sub(random).wrapping_add(mask) >= 0 {
                return random;
            }
            tried = self.bits(31);
        }
    }

    fn bounded_long(&self, origin: i64, bound: i64) -> i64 {
        let mut random = self.long();
        if origin >= bound {
            return random;
        }
        let size = bound.wrapping_sub(origin);
        let mask = size.wrapping_sub(1);
        if size & mask == 0 {
            return (random & mask).wrapping_add(origin);
        }
        if size > 0 {
            let mut tried = ((random as u64) >> 1) as i64;
            loop {
                random = tried % size;
                if tried.wrapping_add(mask).wrapping_sub(random) >= 0 {
                    return random.wrapping_add(origin);
                }
                tried = ((self.long() as u64) >> 1) as i64;
            }
        }
        while random < origin || random >= bound {
            random = self.long();
        }
        random
    }

    fn gaussian(&self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.double() - 1.0, 2.0 * self.double() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare.set(Some(y * factor));
                return x * factor;
            }
        }
    }
}

fn generator<'v>(this: &'v Value<'_>) -> Eval<&'v Generator> {
    match this {
        Value::Object(Object::Random(generator)) => Ok(generator),
        _ => Err(null_pointer()),
    }
}

fn check(valid: bool, message: &str) -> Eval<()> {
    if valid {
        Ok(())
    } else {
        Err(Thrown::java(ILLEGAL_ARGUMENT, message))
    }
}

const POSITIVE: &str = "bound must be positive";
const ORDERED: &str = "bound must be greater than origin";

/// `Random`.
pub(crate) static METHODS: &[Method] = &[
    method("nextInt", &[], |_, this, _| {
        Ok(Value::Int(generator(this)?.int()))
    }),
    method("nextInt", &[INT], |_, this, args| {
        check(args.int(0) > 0, POSITIVE)?;
        Ok(Value::Int(generator(this)?.bounded(args.int(0))))
    }),
    method("nextInt", &[INT, INT], |_, this, args| {
        let (origin, bound) = (args.int(0), args.int(1));
        check(origin < bound, ORDERED)?;
        let generator = generator(this)?;
        let size = bound.wrapping_sub(origin);
        Ok(Value::Int(if size > 0 {
            bounded_from(generator, origin, size)
        } else {
            loop {
                let random = generator.int();
                if random >= origin && random < bound {
                    break random;
                }
            }
        }))
    }),
    method("nextLong", &[], |_, this, _| {
        Ok(Value::Long(generator(this)?.long()))
    }),
    method("nextLong", &[LONG], |_, this, args| {
        check(args.long(0) > 0, POSITIVE)?;
        Ok(Value::Long(generator(this)?.bounded_long(0, args.long(0))))
    }),
    method("nextLong", &[LONG, LONG], |_, this, args| {
        check(args.long(0) < args.long(1), ORDERED)?;
        let random = generator(this)?.bounded_long(args.long(0), args.long(1));
        Ok(Value::Long(random))
    }),
    method("nextDouble", &[], |_, this, _| {
        Ok(Value::Double(generator(this)?.double()))
    }),
    method("nextDouble", &[DOUBLE], |_, this, args| {
        let bound = args.double(0);
        check(
            bound > 0.0 && bound.is_finite(),
            "bound must be finite and positive",
        )?;
        Ok(Value::Double(generator(this)?.double() * bound))
    }),
    method("nextDouble", &[DOUBLE, DOUBLE], |_, this, args| {
        let (origin, bound) = (args.double(0), args.double(1));
        check(origin < bound && (bound - origin).is_finite(), ORDERED)?;
        let random = generator(this)?.double() * (bound - origin) + origin;
        Ok(Value::Double(random.min(bound.next_down())))
    }),
    method("nextFloat", &[], |_, this, _| {
        Ok(Value::Float(generator(this)?.float()))
    }),
    method("nextFloat", &[FLOAT], |_, this, args| {
        check(args.float(0) > 0.0, "bound must be finite and positive")?;
        Ok(Value::Float(generator(this)?.float() * args.float(0)))
    }),
    method("nextBoolean", &[], |_, this, _| {
        Ok(Value::Bool(generator(this)?.bits(1) != 0))
    }),
    method("nextGaussian", &[], |_, this, _| {
        Ok(Value::Double(generator(this)?.gaussian()))
    }),
    method("setSeed", &[LONG], |_, this, args| {
        let generator = generator(this)?;
        generator
            .state
            .set((args.long(0) as u64 ^ MULTIPLIER) & MASK);
        generator.spare.set(None);
        Ok(Value::Null)
    }),
    method("nextBytes", &[BYTES], |_, this, args| {
        let generator = generator(this)?;
        if let Value::Array(array) = &args[0] {
            let mut items = array.items.borrow_mut();
            for chunk in items.chunks_mut(4) {
                let mut random = generator.int();
                for item in chunk {
                    *item = Value::Byte(random as i8);
                    random >>= 8;
                }
            }
        }
        Ok(Value::Null)
    }),
    method("isDeprecated", &[], |_, _, _| Ok(Value::Bool(false))),
];

fn bounded_from(generator: &Generator, origin: i32, size: i32) -> i32 {
    let mut random = generator.int();
    let mask = size - 1;
    if size & mask == 0 {
        return (random & mask).wrapping_add(origin);
    }
    let mut tried = ((random as u32) >> 1) as i32;
    loop {
        random = tried % size;
        if tried.wrapping_add(mask).wrapping_sub(random) >= 0 {
            return random.wrapping_add(origin);
        }
        tried = ((generator.int() as u32) >> 1) as i32;
    }
}

fn made<'a>(seed: i64) -> Value<'a> {
    Value::Object(Object::Random(Rc::new(Generator::seeded(seed))))
}

/// `new Random(…)`. Without a seed the environment gives one.
pub(crate) static CONSTRUCTORS: &[Method] = &[
    function("Random", &[], |machine, _, _| {
        Ok(made(machine.scope.environment.random_u64() as i64))
    }),
    function("Random", &[LONG], |_, _, args| Ok(made(args.long(0)))),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_java() {
        let generator = Generator::seeded(42);
        assert_eq!(generator.int(), -1_170_105_035);
        assert_eq!(generator.int(), 234_785_527);
        let generator = Generator::seeded(42);
        assert_eq!([generator.bounded(10), generator.bounded(10)], [0, 3]);
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-15;
        assert!(close(
            Generator::seeded(42).double(),
            0.727_563_680_032_868_1
        ));
        assert!(close(
            Generator::seeded(42).gaussian(),
            1.141_905_315_473_054_7
        ));
        assert_eq!(bounded_from(&Generator::seeded(42), 5, 45), 40);
        assert_eq!(Generator::seeded(42).bounded_long(0, 1000), 891);
    }
}
