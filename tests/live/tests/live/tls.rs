//! TLS to Redis: the right CA, the wrong one, and a server that asks who we are.

use std::path::PathBuf;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sluice_live::server::free_port;
use sluice_live::{Server, Sluice};
use tempfile::TempDir;

use crate::edge;

/// Two authorities that know nothing of each other, and a certificate by each, as files.
struct Papers {
    folder: TempDir,
}

impl Papers {
    fn issue() -> Result<Papers> {
        let folder = tempfile::tempdir()?;
        for name in ["ours", "theirs"] {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
            std::fs::write(folder.path().join(format!("{name}-ca.pem")), authority.pem())?;
            let key = KeyPair::generate()?;
            let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
            let certificate = params.signed_by(&key, &authority)?;
            std::fs::write(folder.path().join(format!("{name}.pem")), certificate.pem())?;
            std::fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem())?;
        }
        Ok(Papers { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a server must be told to speak TLS on a port, beside its other one.
    fn settings(&self, port: u16, clients: &str) -> [(&'static str, String); 5] {
        let file = |name: &str| self.path(name).to_str().unwrap_or_default().to_owned();
        [
            ("tls-port", port.to_string()),
            ("tls-cert-file", file("ours.pem")),
            ("tls-key-file", file("ours.key")),
            ("tls-ca-cert-file", file("ours-ca.pem")),
            ("tls-auth-clients", clients.to_owned()),
        ]
    }

    fn serve(&self, clients: &str) -> Result<(Server, u16)> {
        let port = free_port()?;
        let args = self.settings(port, clients).into_iter().flat_map(|(name, value)| [format!("--{name}"), value]);
        let args: Vec<String> = args.collect();
        Ok((Server::with(&args.iter().map(String::as_str).collect::<Vec<_>>())?, port))
    }

    /// `rediss://` with these files.
    fn url(&self, port: u16, files: &[(&str, &str)]) -> String {
        let files: Vec<_> = files.iter().map(|(name, file)| format!("{name}={}", self.path(file).display())).collect();
        format!("rediss://localhost:{port}?{}", files.join("&"))
    }
}

#[track_caller]
fn says(sluice: &Sluice, url: &str, code: i32, words: &str) -> Result<()> {
    let ran = sluice.over(url).run(&["get", "k", "--timeout", "60s"])?;
    assert!(ran.code == code && ran.stderr.contains(words), "{url}: {ran:?}");
    Ok(())
}

#[test]
fn a_server_is_trusted_by_the_right_authority_only() -> Result<()> {
    let papers = Papers::issue()?;
    let (server, port) = papers.serve("no")?;
    let (sluice, folder, host) = edge(&papers.url(port, &[("cacert", "ours-ca.pem")]))?;
    let large = folder.path().join("large");
    std::fs::write(&large, vec![7; 3 << 20])?;
    sluice.ok(&["put", "large", &format!("@{}", large.display())])?;
    let told = sluice.json(&["put", "k", "1"])?;
    host.reaches(told["revision"].as_str().unwrap_or_default());
    assert_eq!((host.value("k")?, host.value("large")?), (Some(b"1".to_vec()), Some(vec![7; 3 << 20])));

    says(&sluice, &papers.url(port, &[("cacert", "theirs-ca.pem")]), 3, "not trusted: give its CA with ?cacert=FILE")?;
    // What this system trusts, if anything, did not sign it.
    let bare = sluice.over(&format!("rediss://localhost:{port}")).run(&["get", "k"])?;
    assert!(bare.code != 0 && bare.stderr.contains("cacert=FILE"), "{bare:?}");
    let other = papers.url(port, &[("cacert", "ours-ca.pem")]).replace("localhost", "localhost.localdomain");
    assert_ne!(sluice.over(&other).run(&["get", "k"])?.code, 0, "a certificate of another name");
    says(&sluice, &papers.url(server.port(), &[("cacert", "ours-ca.pem")]), 3, "speaks no TLS")?;
    says(&sluice, &format!("redis://localhost:{port}"), 3, "wants TLS")
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_one() -> Result<()> {
    let papers = Papers::issue()?;
    let (_server, port) = papers.serve("yes")?;
    let ours = [("cacert", "ours-ca.pem"), ("cert", "ours.pem"), ("key", "ours.key")];
    let (sluice, _folder, host) = edge(&papers.url(port, &ours))?;
    let told = sluice.json(&["put", "k", "1"])?;
    host.reaches(told["revision"].as_str().unwrap_or_default());
    says(&sluice, &papers.url(port, &ours[..1]), 3, "cert=FILE and key=FILE")?;
    let theirs = [("cacert", "ours-ca.pem"), ("cert", "theirs.pem"), ("key", "theirs.key")];
    says(&sluice, &papers.url(port, &theirs), 3, "its CA signed cert=FILE")?;
    let torn = [("cacert", "ours-ca.pem"), ("cert", "ours.pem"), ("key", "theirs.key")];
    says(&sluice, &papers.url(port, &torn), 2, "do not fit")
}

#[test]
fn sentinels_and_the_primary_they_name_are_both_checked() -> Result<()> {
    let papers = Papers::issue()?;
    let (_server, port) = papers.serve("no")?;
    let sentinel_port = free_port()?;
    let settings = papers.settings(sentinel_port, "no").map(|(name, value)| format!("{name} {value}\n")).concat();
    let monitor = format!("tls-replication yes\nsentinel monitor main 127.0.0.1 {port} 1\n");
    let sentinel = Server::sentinel(&(settings + &monitor))?;
    let url = |scheme: &str, port: u16, ca: &str| {
        format!("{scheme}://127.0.0.1:{port}/main?cacert={}", papers.path(ca).display())
    };
    let (sluice, _folder, host) = edge(&url("rediss+sentinel", sentinel_port, "ours-ca.pem"))?;
    let told = sluice.json(&["put", "k", "1"])?;
    host.reaches(told["revision"].as_str().unwrap_or_default());
    says(&sluice, &url("rediss+sentinel", sentinel_port, "theirs-ca.pem"), 3, "not trusted")?;
    says(&sluice, &url("redis+sentinel", sentinel.port(), "ours-ca.pem"), 2, "write rediss:// (two s)")?;
    // Asked in the clear, the Sentinel names a primary that wants TLS.
    says(&sluice, &format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port()), 3, "wants TLS")
}
