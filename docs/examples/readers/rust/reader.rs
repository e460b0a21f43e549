//! Print each event of a kernel once, in order, one JSON object a line; say what is missing on
//! stderr. The standard library alone, so that it is built without a crate: rustc -O reader.rs
//!
//!   reader 127.0.0.1:6379 tail main cursor.txt
//!   reader 127.0.0.1:6379 listen orchestrator_events
//!
//! cursor.txt keeps the number and the id of the last event that was printed, and is written after
//! each page: a reader that is killed just before prints that page again. `listen` prints what comes
//! on a channel, such as a dialect's: pub/sub alone, nothing is repeated.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use std::{env, fs, process, thread};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words[..] {
        [address, "tail", kernel, file] => tail(address, kernel, file),
        [address, "listen", channel] => listen(address, channel),
        _ => Err(Error::other("usage: reader HOST:PORT tail KERNEL FILE | listen CHANNEL")),
    };
    if let Err(error) = result {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn tail(address: &str, kernel: &str, file: &str) -> io::Result<()> {
    let mut reader = Reader::load(kernel, file)?;
    loop {
        // Longer than any command here blocks: without an answer by then the connection is dead.
        let lost = match Redis::connect(address, Some(Duration::from_secs(15))) {
            Ok(mut redis) => reader.follow(&mut redis).unwrap_err(),
            Err(error) => error,
        };
        if lost.kind() == ErrorKind::InvalidData {
            return Err(lost);
        }
        eprintln!("not live: {lost}");
        thread::sleep(Duration::from_millis(500));
    }
}

fn listen(address: &str, channel: &str) -> io::Result<()> {
    let mut redis = Redis::connect(address, None)?;
    let mut message = redis.ask(&["SUBSCRIBE", channel])?.list();
    loop {
        if let [Reply::Text(kind), _, Reply::Text(payload)] = &message[..] {
            if kind == "message" {
                print(payload)?;
            }
        }
        message = redis.reply()?.list();
    }
}

/// Where a reader stands: the number of the event that it printed last, and that event's id.
struct Reader {
    log: String,
    file: String,
    seq: u64,
    id: String,
}

impl Reader {
    fn load(kernel: &str, file: &str) -> io::Result<Reader> {
        let saved = fs::read_to_string(file).unwrap_or_default();
        let (seq, id) = saved.trim().split_once(' ').unwrap_or(("0", ""));
        Ok(Reader {
            log: format!("retinue:{{{kernel}}}:log"),
            file: file.to_string(),
            seq: number(seq)?,
            id: id.to_string(),
        })
    }

    /// Goes on until the connection is lost.
    fn follow(&mut self, redis: &mut Redis) -> io::Result<()> {
        loop {
            if !self.print_page(redis)? {
                let after = format!("{}-0", self.seq);
                redis.ask(&["XREAD", "COUNT", "1", "BLOCK", "5000", "STREAMS", &self.log, &after])?;
            }
        }
    }

    /// Prints what the stream has from the cursor on; false when there was nothing new. The event
    /// at the cursor is read again, to be compared: another one there is of another journal.
    fn print_page(&mut self, redis: &mut Redis) -> io::Result<bool> {
        let from = self.seq.to_string();
        let page = redis.ask(&["XRANGE", &self.log, &from, "+", "COUNT", "500"])?;
        let events: Vec<String> = page.list().into_iter().map(event_of).collect::<io::Result<_>>()?;
        if self.begins_anew(events.first(), redis)? {
            eprintln!("gap: what followed {} is gone, and the numbers begin anew", self.seq);
            (self.seq, self.id) = (0, String::new());
            return Ok(true);
        }
        let before = self.seq;
        for event in &events {
            self.take(event)?;
        }
        if self.seq > before {
            fs::write(format!("{}.new", self.file), format!("{} {}\n", self.seq, self.id))?;
            fs::rename(format!("{}.new", self.file), &self.file)?;
        }
        Ok(self.seq > before)
    }

    fn take(&mut self, event: &str) -> io::Result<()> {
        let seq = number(attribute(event, "sequence"))?;
        if seq <= self.seq {
            return Ok(());
        }
        let previous = match attribute(event, "previous") {
            "" => seq - 1, // given where some are left out
            given => number(given)?,
        };
        if previous > self.seq {
            eprintln!("gap: {} to {previous}", self.seq + 1);
        }
        print(event)?;
        (self.seq, self.id) = (seq, attribute(event, "id").to_string());
        Ok(())
    }

    fn begins_anew(&self, first: Option<&String>, redis: &mut Redis) -> io::Result<bool> {
        if self.seq == 0 {
            return Ok(false);
        }
        if let Some(event) = first {
            let same_number = number(attribute(event, "sequence"))? == self.seq;
            return Ok(same_number && attribute(event, "id") != self.id);
        }
        let newest = redis.ask(&["XREVRANGE", &self.log, "+", "-", "COUNT", "1"])?.list();
        match newest.into_iter().next().map(event_of) {
            Some(event) => Ok(number(attribute(&event?, "sequence"))? < self.seq),
            None => Ok(false),
        }
    }
}

/// The message of an entry: `[id, [field, value, ...]]`.
fn event_of(entry: Reply) -> io::Result<String> {
    let fields = entry.list().pop().map(Reply::list).unwrap_or_default();
    let texts: Vec<String> = fields.into_iter().map(Reply::text).collect();
    let value = |name: &str| texts.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
    match value("form") {
        Some(_) => Err(invalid("the events are msgpack: set observers.form to json")),
        None => value("event").ok_or_else(|| invalid("an entry without an event")),
    }
}

/// An attribute of an event, or nothing; all of them stand before its data.
fn attribute<'a>(event: &'a str, name: &str) -> &'a str {
    let head = event.split(",\"data\":").next().unwrap_or("");
    match head.split_once(&format!("\"{name}\":\"")) {
        Some((_, rest)) => rest.split('"').next().unwrap_or(""),
        None => "",
    }
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| invalid(&format!("not a number: {text:?}")))
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn invalid(text: &str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

/// A connection that speaks RESP, the protocol of Redis.
struct Redis {
    stream: BufReader<TcpStream>,
}

enum Reply {
    Text(String),
    List(Vec<Reply>),
    Nothing,
}

impl Reply {
    fn text(self) -> String {
        if let Reply::Text(text) = self { text } else { String::new() }
    }

    fn list(self) -> Vec<Reply> {
        if let Reply::List(items) = self { items } else { Vec::new() }
    }
}

impl Redis {
    /// Logs in as REDIS_USER with REDIS_PASSWORD, if that is set.
    fn connect(address: &str, patience: Option<Duration>) -> io::Result<Redis> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(patience)?;
        let mut redis = Redis { stream: BufReader::new(stream) };
        if let Ok(password) = env::var("REDIS_PASSWORD") {
            let user = env::var("REDIS_USER").unwrap_or("default".to_string());
            redis.ask(&["AUTH", &user, &password])?;
        }
        Ok(redis)
    }

    fn ask(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.stream.get_mut().write_all(command.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "-" => Err(Error::other(rest.to_string())),
            "$" | "*" if rest.starts_with('-') => Ok(Reply::Nothing),
            "$" => {
                let mut bytes = vec![0; number(rest)? as usize + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            "*" => {
                let items = (0..number(rest)?).map(|_| self.reply()).collect::<io::Result<_>>()?;
                Ok(Reply::List(items))
            }
            _ => Ok(Reply::Text(rest.to_string())),
        }
    }
}
