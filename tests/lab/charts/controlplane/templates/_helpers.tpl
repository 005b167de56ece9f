{{- define "controlplane.keep" -}}
{{- if .Values.secrets.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{- define "controlplane.image" -}}
{{ required "image.registry is required: the registry that the TSB images were synchronised to" .Values.image.registry }}/tsboperator-server:{{ .Values.image.tag | default .Chart.AppVersion | default .Chart.Version }}
{{- end -}}
