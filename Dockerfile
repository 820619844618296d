# One image for all programs: the front end, the copier, and both in one process, which is what it runs by default.
#   docker build -t cloud-mirror .
#   docker run --rm -p 127.0.0.1:8080:8080 cloud-mirror
# How to run it for real: docs/deploy/docker.md

# Any image with Node 24 and npm. To pin it, name its digest:
#   docker build --build-arg NODE_IMAGE=node:24-slim@sha256:… -t cloud-mirror .
ARG NODE_IMAGE=node:24-slim
FROM ${NODE_IMAGE}

ENV NODE_ENV=production
WORKDIR /app

# Workspaces resolve through the links that npm makes in node_modules, so the tree is copied before they are made, and
# nothing is copied out of it afterwards. Node itself is the image's: the optional packages would bring another.
COPY package.json package-lock.json .npmrc ./
COPY packages packages
COPY services services
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

COPY config config
COPY LICENSE ./

# What Node makes of the files at their first run, kept for all others: they start in half the time and 25 MB smaller.
ENV NODE_COMPILE_CACHE=/app/.node-compile-cache
RUN set -e; for program in services/*/src/main.ts; do node "$program" --version; done

# The programs write nothing but the copies of a filesystem back end, and those here: the root may be read-only.
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node

# Threads for file calls: a disk that hangs keeps those that it holds.
ENV UV_THREADPOOL_SIZE=16

ENV HOST=0.0.0.0 \
    PORT=8080 \
    CLOUD_MIRROR_DIRECTORY=/data/objects \
    CLOUD_MIRROR_STATE=/data/state
EXPOSE 8080

# A copier listens elsewhere: give it a check of its own, or none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

CMD ["node", "services/standalone/src/main.ts", "--config", "config/standalone.yaml"]
