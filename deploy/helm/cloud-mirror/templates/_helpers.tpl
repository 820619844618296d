{{- define "cloud-mirror.labels" -}}
app.kubernetes.io/name: cloud-mirror
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "cloud-mirror.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- /* A Deployment, and what limits its disruption. Takes root, component, args, env, ports, probe, values and scaled. */}}
{{- define "cloud-mirror.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels: {{- include "cloud-mirror.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels: {{- include "cloud-mirror.labels" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "cloud-mirror.labels" . | nindent 8 }}
      annotations:
        # A change of the configuration replaces the pods.
        checksum/config: {{ .root.Values.config | sha256sum }}
    spec:
      serviceAccountName: {{ .root.Release.Name }}
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "cloud-mirror.labels" $ | nindent 14 }}
        {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        fsGroup: 1000
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: {{ .component }}
          image: {{ include "cloud-mirror.image" .root }}
          args: {{- toYaml (concat .args (list "--config" "/etc/cloud-mirror/mirror.yaml")) | nindent 12 }}
          envFrom:
            - secretRef:
                name: {{ .root.Values.existingSecret }}
          {{- with .env }}
          env: {{- toYaml . | nindent 12 }}
          {{- end }}
          ports: {{- toYaml .ports | nindent 12 }}
          startupProbe:
            httpGet: { path: /livez, port: {{ .probe }} }
            periodSeconds: 2
            failureThreshold: 30
          readinessProbe:
            httpGet: { path: /readyz, port: {{ .probe }} }
            periodSeconds: 5
            timeoutSeconds: 4
            failureThreshold: 2
          livenessProbe:
            httpGet: { path: /livez, port: {{ .probe }} }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - { name: config, mountPath: /etc/cloud-mirror, readOnly: true }
            - { name: data, mountPath: /data }
            - { name: tmp, mountPath: /tmp }
      volumes:
        - name: config
          configMap:
            name: {{ .root.Release.Name }}
        - name: data
          emptyDir: { sizeLimit: 64Mi }
        - name: tmp
          emptyDir: { sizeLimit: 64Mi }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels: {{- include "cloud-mirror.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "cloud-mirror.labels" . | nindent 6 }}
{{- end }}

{{- /* A Service. Takes root, component, values and port. */}}
{{- define "cloud-mirror.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels: {{- include "cloud-mirror.labels" . | nindent 4 }}
  {{- with .values.service.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector: {{- include "cloud-mirror.labels" . | nindent 4 }}
  ports:
    - { name: http, port: {{ .port }}, targetPort: http }
{{- end }}

{{- /* Who may connect. Takes root, component, and open: whether anybody may, to the port http. */}}
{{- define "cloud-mirror.network-policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels: {{- include "cloud-mirror.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "cloud-mirror.labels" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    {{- if .open }}
    - ports:
        - port: http
    {{- end }}
    {{- if .health }}
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ .root.Values.networkPolicies.monitoringNamespace }}
      ports:
        - port: health
    {{- end }}
{{- end }}
