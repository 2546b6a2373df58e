//! Configuration as people keep it, full of what looks secret to a careless eye: nothing of it is told.

use crate::secret_tests::{drawn, told};

#[track_caller]
fn clean(key: &str, text: &str) {
    assert_eq!(told(key, text), [""; 0]);
}

#[test]
fn a_deployment_that_refers_to_its_secrets() {
    clean(
        "deploy.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: checkout
  uid: f81d4fae-7dec-11d0-a765-00a0c91e6bf6
  annotations: {checksum/secret: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
spec:
  template:
    spec:
      imagePullSecrets: [{name: registry-credentials}]
      containers:
      - image: registry.internal/checkout@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        args: [--token-file=/var/run/secrets/tokens/vault-token2, --secret-name=checkout-tls-2026]
        env:
        - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: checkout-db, key: password}}}
        - {name: DB_DSN, value: 'postgres://app:$(DB_PASSWORD)@db:5432/orders?sslmode=verify-full'}
        - {name: API_TOKEN_URL, value: 'https://auth.internal/oauth2/token'}
        - {name: SESSION_SECRET, value: 'vault:secret/data/checkout#session'}
      volumes:
      - name: tls
        secret: {secretName: checkout-tls-2026, defaultMode: 420}
      - name: token
        projected: {sources: [{serviceAccountToken: {path: token, audience: vault, expirationSeconds: 7200}}]}
",
    );
}

#[test]
fn settings_of_services() {
    clean(
        "application.yaml",
        "spring:
  datasource:
    url: jdbc:postgresql://db:5432/orders
    username: app
    password: '{cipher}AQBx7Qp9zKv1mNp8LsB3hGd6FjC5'
  security.oauth2.client:
    registration.sso: {client-id: checkout-web, client-secret: '${SSO_CLIENT_SECRET}', scope: 'openid,profile'}
    provider.sso: {token-uri: 'https://sso.internal/oauth2/token', jwk-set-uri: 'https://sso.internal/jwks'}
auth:
  token: {type: Bearer, ttl: 3600s, issuer: 'https://sso.internal/realms/prod', signing-algorithm: RS256}
  password: {min-length: 12, hash: '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$7Qp9zKv1mNp8LsB3hGd6'}
  api-key-header: X-Api-Key-V2
  secrets: [app/prod/db-password, app/prod/session-secret]
  admin-password: '<set in the vault>'
  backup-password: ENC[AES256_GCM,data:x7Qp9zKv1m==,iv:Np8LsB3h=,tag:Gd6FjC5Z==,type:str]
  master-key: arn:aws:kms:eu-west-1:123456789012:key/f81d4fae-7dec-11d0-a765-00a0c91e6bf6
",
    );
    clean(
        "app.toml",
        "[tokens]\nmax = 4096\nstop = ['<|endoftext|>', '[/INST]']\n[cache]\nkey = 'v2:checkout:9f86d081884c7d65'\n\
         etag = '\"33a64df551425fcc55e4d42a148795d9f25f89d4\"'\n[csrf]\ntoken = 'x-csrf-token'\n\
         [db]\npassword_file = '/run/secrets/db-7Qp9zKv1'\npassword = 'op://infra/db-7Qp9/password'\n",
    );
}

#[test]
fn lock_files_public_keys_and_images() {
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", drawn(64));
    let public = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", drawn(64));
    let text = serde_json::json!({
        "packages": {"left-pad": {"version": "1.3.0", "integrity": format!("sha512-{}==", drawn(86)),
            "resolved": "https://registry.example/left-pad/-/left-pad-1.3.0.tgz"}},
        "tls": {"certificate": certificate, "publicKey": public,
            "privateKey": "-----BEGIN PRIVATE KEY-----\n${TLS_KEY}\n-----END PRIVATE KEY-----"},
        "ssh": format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} ops@example", drawn(43)),
        "logo": format!("data:image/png;base64,{}", drawn(4000)),
        "font": drawn(4000),
        "keys": [{"kty": "RSA", "kid": "2026-11", "use": "sig", "n": drawn(342), "e": "AQAB"}],
        "stripe": {"publishableKey": format!("pk_live_{}", drawn(24))},
        "commit": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    });
    clean("lock.json", &text.to_string());
}

#[test]
fn texts_of_an_interface() {
    clean(
        "de.json",
        r#"{"login": {"password": "Passwort", "forgot_password": "Passwort vergessen?", "token": "Zugriffstoken",
            "new_password": "Bitte geben Sie ein neues Passwort ein.", "secret": "Geheimfrage"},
            "errors": {"password": "errors.password.too_short", "token": "auth/invalid-token"},
            "theme": {"tokens": {"primary": "\#3b82f6aa", "radius": "0.375rem"}}}"#
            .replace("\\#", "#")
            .as_str(),
    );
}

#[test]
fn templates_of_environments() {
    clean(
        "app.env.txt",
        "# never put the token here: https://wiki.internal/secrets\nDB_URL=postgres://user:password@localhost/app\n\
         DB_PASSWORD=\nAPI_KEY=your-api-key-here-1234\nAWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n\
         GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nSTRIPE_KEY=sk_test_${STRIPE_SUFFIX}\n\
         SESSION_SECRET=changeme-9Xk2\nTRACE_ID=4bf92f3577b34da6a3ce929d0e0e4736\nPASSWORD_RESET_URL=https://a/b?token=%s\n",
    );
}

#[test]
fn flags_and_routes() {
    clean(
        "flags.json",
        r#"{"flags": [{"key": "new-checkout", "id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "salt": "checkout-2026",
            "variations": [{"value": "on", "token": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}]}],
            "routes": [{"match": "^/v2/tokens/[0-9a-f]{32}$", "upstream": "http://10.0.0.7:8080", "secret": false,
            "rewrite": "/internal/tokens", "headers": {"x-request-token": "$request_id"}}]}"#,
    );
}
