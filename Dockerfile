# The sink as one static binary on a distroless image, as a user without rights. Built on the builder's own processor, for the target's.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=unknown
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /sink ./cmd/sink

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /sink /sink
USER nonroot:nonroot
EXPOSE 8080
ENTRYPOINT ["/sink"]
