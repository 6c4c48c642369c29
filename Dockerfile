# The image of each service is a target of this file:
#
#   docker build --target transponder -t halon/transponder .
#
# All of them share their layers but the last, empty ones: seven images take the room of one.

FROM node:24-bookworm-slim AS base
WORKDIR /halon

# What decides on the dependencies, and nothing else: they are installed again when that changes, not with each source.
FROM base AS manifests
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json ! -name .npmrc -delete && find . -type d -empty -delete

# Not `npm ci`: it refuses a lockfile that lacks the native packages of another platform.
FROM base AS build
ENV TURBO_TELEMETRY_DISABLED=1
COPY --from=manifests /halon .
RUN npm install --include=dev --no-progress
COPY . .
RUN npx turbo run build --filter='./services/*' --filter=@halon/halonctl --output-logs=errors-only
# What runs, and what is read at run time.
RUN mkdir /out && find packages services proto -path '*/node_modules' -prune -o -type f \
      \( -path '*/dist/*.js' -o -path 'proto/api/*.proto' -o -name package.json \) -print0 \
    | xargs -0 cp --parents -t /out && cp LICENSE /out

FROM base AS modules
COPY --from=manifests /halon .
RUN npm install --omit=dev --workspace=services --workspace=packages/halonctl --no-progress && npm cache clean --force

FROM base AS runtime
ENV NODE_ENV=production
# A volume that is mounted here begins with this owner.
RUN mkdir /var/lib/halon && chown node:node /var/lib/halon
COPY --from=modules /halon/node_modules node_modules
COPY --from=build /out .
USER node

# Health is asked over NATS: a service is healthy when it can be reached and does its work.

FROM runtime AS station-replica
ENV HALON_STATE_DIR=/var/lib/halon
EXPOSE 15001
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "services/station-replica/dist/main.js", "health"]
ENTRYPOINT ["node", "--single-threaded-gc", "services/station-replica/dist/main.js"]

FROM runtime AS recovery-supervisor
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "services/recovery-supervisor/dist/main.js", "health"]
ENTRYPOINT ["node", "services/recovery-supervisor/dist/main.js"]

# In a container of its own it cannot be started by its node's agent: it waits until the agent activates it.
FROM runtime AS coordinator
ENV HALON_MODE=resident
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "services/coordinator/dist/main.js", "health"]
ENTRYPOINT ["node", "services/coordinator/dist/main.js"]

FROM runtime AS transponder
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "services/transponder/dist/main.js", "health"]
ENTRYPOINT ["node", "services/transponder/dist/main.js"]

FROM runtime AS monitor
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "services/monitor/dist/main.js", "health"]
ENTRYPOINT ["node", "services/monitor/dist/main.js"]

# With the example services in it: an agent can run only programs that its container has.
FROM runtime AS node-agent
ENV HALON_STATE_DIR=/var/lib/halon HALON_LOG_DIR=/var/lib/halon/log
COPY examples examples
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "services/node-agent/dist/main.js", "health"]
ENTRYPOINT ["node", "services/node-agent/dist/main.js"]

FROM runtime AS halonctl
COPY examples examples
ENTRYPOINT ["node", "packages/halonctl/dist/main.js"]
