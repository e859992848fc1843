//! A whole machine of its own, emulated: Debian with systemd, instruments on USB, and a shell over its console.
//!
//! It is restarted, cut off and unplugged like a lab's host, without rights on this one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::process;

/// What the guest is made of, beside Debian's smallest system.
const PACKAGES: &str = "systemd-sysv,udev,dbus,linux-image-amd64,curl";
/// Of which Debian.
const SUITE: &str = "bookworm";
/// Gives its second console to whoever has started it, and its network an address.
const SETUP: &str = r#"set -e
cat > "$1/etc/systemd/system/control.service" <<'END'
[Service]
ExecStart=/bin/bash -c 'stty raw -echo; while read -r line; do eval "$line"; done'
StandardInput=tty-force
StandardOutput=tty
TTYPath=/dev/hvc0
Restart=always
END
mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
ln -s ../control.service "$1/etc/systemd/system/multi-user.target.wants/"
ln -s /lib/systemd/system/systemd-networkd.service "$1/etc/systemd/system/multi-user.target.wants/"
printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n' > "$1/etc/systemd/network/any.network"
"#;
/// How long it may take to start, on a machine that emulates every instruction.
const UP_WITHIN: Duration = Duration::from_secs(300);
/// How long a command may take.
const SAYS_WITHIN: Duration = Duration::from_secs(180);
/// How long it may take to switch itself off.
const OFF_WITHIN: Duration = Duration::from_secs(120);
/// How long it takes until a plug is out.
const UNPLUGGED: Duration = Duration::from_secs(3);
/// What is behind a serial port behind which there is nothing: open, or the port would not be there, and silent.
const NOTHING: &str = "ringbuf,id=nothing,size=16";
/// The serial number of a plug that is none of the rig's.
pub(super) const ANOTHER: &str = "ANOTHER";
/// The pause before something is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// An image of the machine's disk, its kernel and first file system.
pub(super) struct Image {
    folder: PathBuf,
}

impl Image {
    /// The image in that folder, which is made where there is none.
    pub(super) fn in_folder(root: &Path, folder: &Path) -> Result<Self, Failure> {
        let image = Self { folder: folder.to_owned() };
        let text = format!("# {SUITE}: {PACKAGES}\n{SETUP}");
        let is_same = fs::read_to_string(image.part("setup.sh")).is_ok_and(|of| of == text);
        if is_same && image.part("disk").is_file() {
            return Ok(image);
        }
        // Until it is whole again there is none.
        drop(fs::remove_file(image.part("disk")));
        println!("making a Debian {SUITE} of its own in {}; that is done once", folder.display());
        fs::create_dir_all(folder).map_err(|why| failed(folder, &why))?;
        fs::write(image.part("setup.sh"), text).map_err(|why| failed(folder, &why))?;
        let (disk, name) = (image.part("new-disk"), |part: &str| image.part(part).display().to_string());
        let setup = format!("--customize-hook=sh {} \"$1\"", name("setup.sh"));
        let kernel = format!("--customize-hook=cp \"$1\"/boot/vmlinuz-* {}", name("vmlinuz"));
        let initrd = format!("--customize-hook=cp \"$1\"/boot/initrd.img-* {}", name("initrd"));
        let include = format!("--include={PACKAGES}");
        let made = ["--variant=apt", "--format=ext2", &include, &setup, &kernel, &initrd, SUITE, &name("new-disk")];
        process::output(root, "mmdebstrap".as_ref(), &made)?;
        // Room for what is installed, and a journal: power is cut.
        process::output(root, "truncate".as_ref(), &["--size=+3G", &name("new-disk")])?;
        process::output(root, "resize2fs".as_ref(), &[&name("new-disk")])?;
        process::output(root, "tune2fs".as_ref(), &["-j", &name("new-disk")])?;
        fs::rename(disk, image.part("disk")).map_err(|why| failed(folder, &why))?;
        Ok(image)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The machine, until it is dropped. What it writes is gone with it.
pub(super) struct Guest {
    child: Child,
    console: Option<BufReader<UnixStream>>,
    folder: PathBuf,
    said: u32,
}

impl Guest {
    /// Starts it with those terminals as its serial ports on USB, each with its serial number, and a folder of files to read.
    pub(super) fn start(image: &Image, shared: &Path, ports: &[(String, String)]) -> Result<Self, Failure> {
        let folder = shared.to_owned();
        let mut command = Command::new("qemu-system-x86_64");
        command.args(["-machine", "q35", "-accel", "tcg,thread=multi", "-m", "768", "-display", "none", "-snapshot"]);
        command.arg("-kernel").arg(image.part("vmlinuz")).arg("-initrd").arg(image.part("initrd"));
        command.args(["-append", "root=/dev/vda rw console=ttyS0"]);
        command.arg("-drive").arg(format!("file={},format=raw,if=virtio", image.part("disk").display()));
        command.arg("-serial").arg(format!("file:{}", folder.join("boot.log").display()));
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", folder.join("monitor").display()));
        command.args([
            "-device",
            "virtio-serial",
            "-device",
            "virtconsole,chardev=console",
            "-nic",
            "user,model=virtio",
        ]);
        command.arg("-chardev");
        command.arg(format!("socket,id=console,path={},server=on,wait=off", folder.join("console").display()));
        let share = format!("local,path={},mount_tag=share,security_model=none,readonly=on", folder.display());
        command.args(["-virtfs", &share, "-device", "qemu-xhci,id=usb,p2=15", "-chardev", NOTHING]);
        for (number, (serial, terminal)) in ports.iter().enumerate() {
            let port = number + 1;
            command.args(["-chardev", &format!("serial,id=line-{serial},path={terminal}"), "-device"]);
            command.arg(format!("usb-serial,id={serial},chardev=line-{serial},serial={serial},bus=usb.0,port={port}"));
        }
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.map_err(|error| process::not_started("qemu-system-x86_64".as_ref(), &error))?;
        let mut guest = Self { child, console: None, folder, said: 0 };
        guest.wait_until_up()?;
        Ok(guest)
    }

    /// Waits until it has started.
    pub(super) fn wait_until_up(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + UP_WITHIN;
        loop {
            if let Ok(Some(code)) = self.child.try_wait() {
                return Err(Failure::new(format!("expected the machine to start, but it ended with {code}")));
            }
            let says = self.says_within("mountpoint -q /mnt || mount -t 9p -o trans=virtio,ro share /mnt", 3);
            if says.is_ok()
                && self.says_within("systemctl is-system-running --wait | grep -E 'running|degraded'", 60).is_ok()
            {
                return Ok(());
            }
            if Instant::now() > until {
                let log = self.folder.join("boot.log");
                return Err(Failure::new(format!(
                    "expected the machine to start in time, but it did not; see {}",
                    log.display()
                )));
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// What a command says there; it must succeed.
    pub(super) fn says(&mut self, command: &str) -> Result<String, Failure> {
        self.says_within(command, SAYS_WITHIN.as_secs())
    }

    fn says_within(&mut self, command: &str, seconds: u64) -> Result<String, Failure> {
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format!("expected `{command}` to succeed there, but {why}"));
        self.said += 1;
        let end = format!("@{} ", self.said);
        let mut stream = match self.console.take() {
            Some(stream) => stream,
            None => BufReader::new(UnixStream::connect(self.folder.join("console")).map_err(|why| failed(&why))?),
        };
        let line = format!("{{ {command}; }} </dev/null 2>&1; printf '\\n%s%s\\n' '{end}' $?\n");
        stream.get_mut().write_all(line.as_bytes()).map_err(|why| failed(&why))?;
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut text = String::new();
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            stream.get_mut().set_read_timeout(Some(left)).map_err(|why| failed(&why))?;
            let mut line = String::new();
            let read = stream.read_line(&mut line);
            let read = read.map_err(|why| failed(&format!("within {seconds} s nothing came ({why}): {text}")))?;
            if read == 0 || Instant::now() > until {
                return Err(failed(&format!("its console has ended, or its {seconds} s have: {text}")));
            }
            if let Some(code) = line.trim_end().strip_prefix(&end) {
                self.console = Some(stream);
                return if code == "0" {
                    Ok(text.trim().to_owned())
                } else {
                    Err(failed(&format!("it ended with {code}: {}", text.trim())))
                };
            }
            text.push_str(&line);
        }
    }

    /// Begins to restart it, as its operator would.
    pub(super) fn restarts(&mut self) -> Result<(), Failure> {
        // It may not come to tell how that went.
        drop(self.says_within("systemctl reboot", 5));
        self.console = None;
        std::thread::sleep(Duration::from_secs(5));
        self.wait_until_up()
    }

    /// Cuts its power and gives it back.
    pub(super) fn loses_power(&mut self) -> Result<(), Failure> {
        self.monitor("system_reset", &json!({}))?;
        self.console = None;
        self.wait_until_up()
    }

    /// Switches it off, as its operator would.
    pub(super) fn switches_off(mut self) -> Result<(), Failure> {
        drop(self.says_within("systemctl poweroff", 5));
        let until = Instant::now() + OFF_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                return Err(Failure::new(format!(
                    "expected the machine to be off within {} s, but it is not",
                    OFF_WITHIN.as_secs()
                )));
            }
            std::thread::sleep(AGAIN);
        }
        Ok(())
    }

    /// Pulls the plug of the serial port of that serial number.
    pub(super) fn pulls_plug(&self, serial: &str) -> Result<(), Failure> {
        self.monitor("device_del", &json!({"id": serial}))?;
        // Its system is told of it, and does not answer.
        std::thread::sleep(UNPLUGGED);
        Ok(())
    }

    /// Puts it in again, elsewhere.
    pub(super) fn plugs_in(&self, serial: &str) -> Result<(), Failure> {
        self.adds(serial, &format!("line-{serial}"), 15)
    }

    /// Puts in another serial port, behind which there is nothing.
    pub(super) fn plugs_in_another(&self) -> Result<(), Failure> {
        self.adds(ANOTHER, "nothing", 14)
    }

    fn adds(&self, serial: &str, line: &str, port: u8) -> Result<(), Failure> {
        let device = json!({
            "driver": "usb-serial", "id": serial, "serial": serial, "chardev": line, "bus": "usb.0", "port": port.to_string(),
        });
        self.monitor("device_add", &device)
    }

    /// Says something to the emulator; each time anew.
    fn monitor(&self, command: &str, arguments: &Value) -> Result<(), Failure> {
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format!("expected the emulator to do {command}, but {why}"));
        let stream = UnixStream::connect(self.folder.join("monitor")).map_err(|why| failed(&why))?;
        stream.set_read_timeout(Some(SAYS_WITHIN)).map_err(|why| failed(&why))?;
        let mut stream = BufReader::new(stream);
        for (command, arguments) in [("qmp_capabilities", &json!({})), (command, arguments)] {
            let line = json!({"execute": command, "arguments": arguments, "id": command}).to_string() + "\n";
            stream.get_mut().write_all(line.as_bytes()).map_err(|why| failed(&why))?;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).map_err(|why| failed(&why))?;
                let answer: Value = serde_json::from_str(&line).map_err(|why| failed(&why))?;
                if answer["id"] == command {
                    if let Some(why) = answer["error"]["desc"].as_str() {
                        return Err(failed(&why));
                    }
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may be off.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure::new(format!("expected to write {}, but {why}", path.display()))
}
