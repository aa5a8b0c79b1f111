# The Menu API as one static binary on an empty file system.
#
#   docker build -t menu-api .   # a release adds --build-arg VERSION=v1.2.3
#   docker run -p 7000:7000 --env-file .env menu-api
#   docker run --rm -p 127.0.0.1:7000:7000 -p 127.0.0.1:7001:7001 menu-api dev   # without an Auth0 tenant

# The web page. It is the same for every architecture.
FROM --platform=$BUILDPLATFORM node:22.21.1-alpine AS page
WORKDIR /src/dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY docs/openapi.yaml ../docs/
COPY dashboard ./
RUN npm run build

# Compiles on the machine's own architecture for the one that is asked for: pure Go needs no emulator.
FROM --platform=$BUILDPLATFORM golang:1.26.8-alpine AS build
WORKDIR /src

# The modules first: this layer is kept until go.mod or go.sum changes.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

# The final image is empty. Besides the binary, it needs a user and a folder that belongs to the user.
RUN mkdir -p /rootfs/etc/ssl/certs /rootfs/data \
 && echo 'menu:x:65532:65532::/data:/' > /rootfs/etc/passwd \
 && echo 'menu:x:65532:' > /rootfs/etc/group \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/

COPY . .
COPY --from=page /src/dashboard/dist dashboard/dist
# The build context has no Git, so the version of a release comes as an argument.
ARG TARGETOS TARGETARCH VERSION
# The tags leave out what nothing here uses, and what would keep the linker from leaving out the rest: two fifths of the
# binary (see docs/performance.md).
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -tags nomsgpack,validator_novalidatefn -ldflags "-s -w -X menu-api/cli.release=$VERSION" -o /rootfs/menu-api .

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="Menu API" \
      org.opencontainers.image.description="A restaurant menu as a secure REST API" \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.version=$VERSION
COPY --from=build /rootfs/etc /etc
COPY --from=build /rootfs/menu-api /menu-api
# Owned before it becomes a volume: a new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /rootfs/data /data

# Everything that is written goes to /data, so the rest may be read-only (--read-only). There is no /tmp: without TMPDIR
# SQLite fails with an I/O error on the first sort that does not fit into memory.
#
# HOST and DEV_IDP_HOST: in a container, loopback cannot be reached from outside, and `dev` would use it. On a network with
# only IPv6, set both to ::.
ENV DATABASE_URL=sqlite:/data/menu.db \
    DEV_IDP_HOST=0.0.0.0 \
    HOST=0.0.0.0 \
    TMPDIR=/data
VOLUME /data

# The program reads .env from the working folder. This folder has none, and the volume cannot add one: in a container, the
# settings come from the environment (--env-file).
WORKDIR /
USER 65532:65532
EXPOSE 7000 7001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/menu-api", "healthcheck"]
ENTRYPOINT ["/menu-api"]
CMD ["serve"]
