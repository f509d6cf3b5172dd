# The sink as one static binary on a distroless image, as a user without rights.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /sink ./cmd/sink

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /sink /sink
USER nonroot:nonroot
EXPOSE 8080
ENTRYPOINT ["/sink"]
