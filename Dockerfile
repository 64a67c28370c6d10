# The server alone, as an ordinary user, without a shell. Clients connect to port 8000; the embedded database is the volume /data.
#
#   docker build -t stonechat .
#   docker run --rm -p 8000:8000 -v stonechat:/data stonechat
#
# Podman needs `podman build --format docker`: its own format has no health check.
#
# Every setting is an environment variable (docker run --rm stonechat --help). Give it --ulimit nofile=65536 for many clients.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package stonechat --bin stonechat \
    && strip target/release/stonechat \
    && mkdir /empty

# libc, the system's CAs and time zones; no shell, no package manager, no curl.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/stonechat /usr/bin/stonechat
# The user nonroot of that image, by number: who forbids root looks at the number. A new volume takes over whose the folder is.
COPY --from=build --chown=65532:65532 /empty /data
ENV STONECHAT_DATA=/data \
    STONECHAT_LISTEN=0.0.0.0:8000 \
    STONECHAT_ADMIN=127.0.0.1:9000
USER 65532:65532
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/usr/bin/stonechat", "health"]
ENTRYPOINT ["/usr/bin/stonechat"]
