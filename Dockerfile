# graph-mirror in a container: one program, no shell, no user that could do anything else.
#
# The dependencies are built in a stage of their own, which changes only with Cargo.toml and Cargo.lock. `scripts/check-image` runs
# the same steps without a container. Nothing but /var/lib/graph-mirror/data is ever written, so the root file system may be read-only.

FROM rust:1.95-bookworm AS dependencies
WORKDIR /build
# Features beside the default ones, for example otel.
ARG FEATURES=""
# How it is compiled; nothing but a test of these steps wants another one.
ARG PROFILE=release
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
# Every target that Cargo.toml names must be there, or cargo refuses to read it.
RUN mkdir -p src tests/it benches \
    && echo '' > src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && echo '' > tests/it/main.rs \
    && for bench in intake backfill live idle; do echo 'fn main() {}' > "benches/$bench.rs"; done \
    && cargo build --locked --profile "$PROFILE" --bin graph-mirror --features "$FEATURES"

FROM dependencies AS program
COPY migrations migrations
COPY src src
# Copied files are older than what was built from the stubs: cargo would think that nothing has changed.
RUN touch src/lib.rs src/main.rs \
    && cargo build --locked --profile "$PROFILE" --bin graph-mirror --features "$FEATURES" \
    && mkdir -p out/data \
    && cp target/*/graph-mirror out/graph-mirror

# glibc, libgcc and CA certificates are all that the program needs of a system.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=program /build/out/graph-mirror /usr/local/bin/graph-mirror
# The volume takes over who owns this folder.
COPY --from=program --chown=65532:65532 /build/out/data /var/lib/graph-mirror/data
WORKDIR /var/lib/graph-mirror
USER 65532:65532
ENV LISTEN=0.0.0.0:8080
EXPOSE 8080
VOLUME /var/lib/graph-mirror/data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/graph-mirror", "health"]
ENTRYPOINT ["/usr/local/bin/graph-mirror"]
CMD ["serve"]
